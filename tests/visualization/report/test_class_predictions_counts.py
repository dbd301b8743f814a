"""Counts of labels and predictions of detectors and segmentors."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mixmae.visualization.report.class_predictions import (
    MOST_CLASSES,
    ClassCounts,
    counts_part,
    quality,
)


class Pictures:
    """Data set of three images of two classes."""

    metainfo = {'classes': ('cat', 'cow')}

    def __len__(self):
        return 3


def regions(label, prediction):
    return BaseDataElement(
        gt_sem_seg=PixelData(data=torch.tensor([label])),
        pred_sem_seg=PixelData(data=torch.tensor([prediction])),
    )


def objects(labels, predictions):
    """Sample of boxes of ten pixels, one beside the other."""

    def boxes(count):
        left = 20.0 * torch.arange(count)[:, None]
        return torch.cat([left, left * 0, left + 10, left * 0 + 10], 1)

    found = InstanceData(bboxes=boxes(len(predictions)))
    found.labels = torch.tensor(predictions, dtype=torch.long)
    found.scores = torch.full((len(predictions),), 0.9)
    truth = InstanceData(bboxes=boxes(len(labels)))
    truth.labels = torch.tensor(labels, dtype=torch.long)
    return BaseDataElement(gt_instances=truth, pred_instances=found)


def test_the_worst_regions_come_first():
    counts = ClassCounts(Pictures())
    counts.add([regions([[0, 1]], [[0, 1]]), regions([[0, 1]], [[1, 0]])])
    counts.add([regions([[0, 255]], [[0, 1]])])
    part, numbers = counts.gather()
    assert part['unit'] == 'pixels'
    # 255 has no label.
    assert part['confusion'] == [[2, 1], [1, 1]]
    assert numbers == [1, 0, 2]
    assert part['figures'][0] == {
        'class': 'cat', 'count': 3, 'precision': 2 / 3, 'recall': 2 / 3,
        'iou': 0.5,
    }  # fmt: skip


def test_objects_are_missed_and_invented():
    counts = ClassCounts(Pictures())
    counts.add([objects([0, 1], [0]), objects([], [1]), objects([], [])])
    part, numbers = counts.gather()
    assert part['classes'] == ['cat', 'cow', '(nothing)']
    assert part['confusion'] == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert [row['class'] for row in part['figures']] == ['cat', 'cow']
    # An image where nothing is found and nothing is to be found is perfect.
    assert numbers == [1, 0, 2]


def test_images_that_the_sampler_repeats_do_not_count():
    counts = ClassCounts(Pictures())
    counts.add([objects([0], [0])] * 4)
    part, numbers = counts.gather()
    assert part['confusion'][0][0] == 3
    assert sorted(numbers) == [0, 1, 2]


def test_predictions_without_labels_are_not_counted():
    counts = ClassCounts(Pictures())
    counts.add([BaseDataElement(pred_instances=InstanceData())])
    # Labels that were resized do not fit the prediction.
    counts.add([regions([[0, 1]], [[0], [1]])])
    assert counts.gather() is None


@pytest.mark.parametrize('classes', [2, MOST_CLASSES, MOST_CLASSES + 1])
def test_large_matrices_are_left_out(classes):
    names = [f'class {i}' for i in range(classes)]
    part = counts_part(np.diag(np.arange(classes)), names, 'images')
    assert ('confusion' in part) == (classes <= MOST_CLASSES)
    assert len(part['figures']) == min(classes, MOST_CLASSES)
    # The most frequent ones.
    assert part['figures'][0]['class'] == names[-1]


def test_qualities_lie_between_nothing_and_all():
    assert quality('pixels', np.eye(3, dtype=int)) == 1
    assert quality('pixels', np.zeros((3, 3), int)) == 0
    assert quality('objects', np.zeros((3, 3), int)) == 1
    wrong = np.array([[0, 1], [0, 0]])
    assert quality('objects', wrong) == 0
