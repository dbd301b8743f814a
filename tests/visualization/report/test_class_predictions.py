from types import SimpleNamespace

import torch

from mixmae.visualization.report.class_predictions import (
    ClassPrediction,
    prediction_part,
)


class Pictures:
    """Data set of grey images of two classes."""

    metainfo = {'classes': ('cat', 'cow')}

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return {'inputs': torch.full((3, 4, 4), i)}


def sample(label, *scores):
    return SimpleNamespace(
        gt_label=torch.tensor([label]), pred_score=torch.tensor(scores)
    )


def test_confusion_and_galleries():
    samples = [
        sample(0, 0.9, 0.1),
        sample(0, 0.2, 0.8),
        sample(1, 0.4, 0.6),
        sample(1, 0.9, 0.1),
    ]
    predictions = [ClassPrediction.of(one) for one in samples]
    # The sampler of several processes repeats images at the end.
    found = prediction_part([*predictions, predictions[0]], Pictures(), 1)
    assert found['classes'] == ['cat', 'cow']
    assert found['confusion'] == [[1, 1], [1, 1]]
    texts = [gallery['images'][0]['text'] for gallery in found['galleries']]
    assert texts == [
        'cow (0.10), predicted cat',
        'cow (0.60), predicted cow',
        'cat (0.90), predicted cat',
    ]


def test_samples_of_other_tasks_are_left_out():
    assert ClassPrediction.of(SimpleNamespace()) is None
    several = sample(0, 0.5, 0.5)
    several.gt_label = torch.tensor([0, 1])
    assert ClassPrediction.of(several) is None
    assert prediction_part([], Pictures(), 1) is None
