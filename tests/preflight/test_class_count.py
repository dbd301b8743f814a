"""Top-k and confusion matrices, compared with the number of classes."""

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.class_count import ClassCount


def errors(evaluator, mode='train', **head):
    cfg = Config(
        dict(
            model=dict(head=dict(num_classes=3, **head)),
            val_dataloader=dict(batch_size=1),
            val_evaluator=evaluator,
            test_dataloader=None,
            test_evaluator=evaluator,
        )
    )
    return ClassCount().run(PlannedRun(mode, cfg)).errors


@pytest.mark.parametrize(
    'evaluator',
    [
        None,
        dict(type='Accuracy'),
        dict(type='Accuracy', topk=(1, 3)),
        [dict(type='Accuracy', topk=2), dict(type='ConfusionMatrix')],
        dict(type='ConfusionMatrix', num_classes=3),
    ],
)
def test_fitting_metrics(evaluator):
    assert errors(evaluator) == ()


@pytest.mark.parametrize(
    ('evaluator', 'key', 'value'),
    [
        (dict(topk=(1, 5)), 'val_evaluator.topk', [1]),
        (dict(topk=[2, 3, 4]), 'val_evaluator.topk', [2, 3]),
        (dict(topk=5), 'val_evaluator.topk', [1]),
        ([dict(), dict(topk=(1, 5))], 'val_evaluator.1.topk', [1]),
        (
            dict(type='Evaluator', metrics=[dict(topk=5)]),
            'val_evaluator.metrics.0.topk',
            [1],
        ),
    ],
)
def test_the_message_states_the_setting(evaluator, key, value):
    (line,) = errors(evaluator)
    assert f'set {key}={value}' in line
    # A test set that is not used.
    assert errors(evaluator, 'test') == ()


def test_other_numbers():
    (line,) = errors(dict(type='ConfusionMatrix', num_classes=5))
    assert 'val_evaluator.num_classes=5' in line
    (line,) = errors(None, topk=(1, 5), cal_acc=True)
    assert 'set model.head.topk=[1]' in line
    assert errors(None, topk=(1, 5)) == ()


def test_models_without_a_number():
    for model in ({}, dict(head=None), dict(head=dict(type='MultiTaskHead'))):
        cfg = Config(dict(model=model))
        assert ClassCount().run(PlannedRun('train', cfg)) is None
