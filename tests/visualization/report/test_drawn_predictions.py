"""Galleries of labels and predictions."""

import base64
import io

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image
from torch import nn

from mixmae.visualization.report.drawn_predictions import drawn_predictions

BOX = torch.tensor([[2.0, 4, 6, 8]])


class Scenes:
    """Data set of black images of 8 x 16 pixels, loaded at twice that size."""

    metainfo = {'classes': ('cat', 'cow')}

    def __init__(self, **labels):
        self.labels = labels

    def __len__(self):
        return 5

    def __getitem__(self, i):
        sample = BaseDataElement(
            metainfo=dict(img_path=f'{i}.png', ori_shape=(8, 16)),
            **self.labels,
        )
        return {'inputs': torch.zeros(3, 16, 32), 'data_samples': sample}


class Network(nn.Module):
    """Model that predicts the same for every image."""

    def __init__(self, **predictions):
        super().__init__()
        self.predictions = predictions

    def val_step(self, samples):
        for sample in samples:
            for name, value in self.predictions.items():
                sample.set_data({name: value})
        return samples


def galleries(labels, predictions, numbers, count=2):
    return drawn_predictions(
        Network(**predictions),
        Scenes(**labels),
        lambda rows: [row['data_samples'] for row in rows],
        numbers,
        count,
    )


def pixels(address):
    content = base64.b64decode(address.split(',', 1)[1])
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture
def found():
    labels = InstanceData(bboxes=BOX, labels=torch.tensor([1]))
    predictions = InstanceData(
        bboxes=torch.cat([BOX, BOX]),
        labels=torch.tensor([1, 0]),
        scores=torch.tensor([0.9, 0.2]),
    )
    return galleries(
        {'gt_instances': labels},
        {'pred_instances': predictions},
        [4, 2, 0, 1, 3],
    )


def test_worst_and_best(found):
    texts = [[one['text'] for one in gallery['images']] for gallery in found]
    assert texts == [
        ['4.png, F1 1.00', '2.png, F1 1.00'],
        ['3.png, F1 1.00', '1.png, F1 1.00'],
    ]
    assert found[0]['title'] != found[1]['title']


def test_objects_are_boxes_on_the_image(found):
    label, prediction = found[0]['images'][0]['pair']
    (box,) = label['boxes']
    assert box['box'] == [2 / 16, 4 / 8, 4 / 16, 4 / 8]
    assert box['text'] == 'cow'
    # One of a low score is not shown.
    (other,) = prediction['boxes']
    assert other['box'] == box['box'] and other['text'] == 'cow, 90%'
    assert found[0]['legend'] == {'cow': box['colour']}


def test_an_image_is_shown_once():
    shown = galleries({}, {}, [0, 1, 2], count=2)
    texts = [one['text'] for gallery in shown for one in gallery['images']]
    assert sorted(texts) == ['0.png', '1.png', '2.png']


def test_label_maps_are_colours():
    label = torch.zeros(1, 8, 16, dtype=torch.long)
    label[..., 8:] = 255
    (gallery,) = galleries(
        {'gt_sem_seg': PixelData(data=label)},
        {'pred_sem_seg': PixelData(data=torch.ones_like(label))},
        [],
    )
    assert set(gallery['legend']) == {'cat', 'cow'}
    for row in gallery['images']:
        assert 'mIoU 0.00' in row['text']
        drawn, predicted = (pixels(one['image']) for one in row['pair'])
        # The ignored half keeps the pixels of the image.
        assert drawn[:, :7].max() > 60 > drawn[:, 9:].max()
        assert predicted[:, 9:].max() > 60
