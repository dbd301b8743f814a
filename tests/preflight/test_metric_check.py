"""Metrics that are followed are given; options of evaluators are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.registry import METRICS, init_default_scope
from mmengine.utils import is_installed

from mixmae.preflight import PlannedRun, PreflightHook
from mixmae.preflight.check import Preflight, PreflightError
from mixmae.preflight.metric_check import (
    MetricNames,
    MetricOptions,
    given_names,
)
from mixmae.registry import SCOPE

CLASSES = ('a', 'b', 'c')
MAPS = [
    dict(iou_metrics=['mIoU']),
    dict(iou_metrics=['mDice', 'mFscore'], prefix='maps'),
]
SCORES = [
    dict(type='Accuracy', topk=(1, 2)),
    dict(type='Accuracy', topk=1, thrs=(0.1, None), prefix='own'),
    dict(type='SingleLabelMetric'),
    dict(type='SingleLabelMetric', items=['recall'], thrs=(0.1, 0.2)),
    dict(type='SingleLabelMetric', average='micro'),
    dict(type='SingleLabelMetric', average=None),
    dict(type='ConfusionMatrix'),
]


class OtherMetric(BaseMetric):
    """Metric whose names are known only after an evaluation."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {'own': 1.0, 'list': [1.0, 2.0]}


def loop_of(*metrics):
    """A validation loop, as far as the check sees it."""
    evaluator = Evaluator(list(metrics))
    evaluator.dataset_meta = dict(classes=CLASSES)
    return SimpleNamespace(evaluator=evaluator)


def built(scope, **config):
    if not is_installed(scope):
        pytest.skip(f'needs {scope}')
    init_default_scope(scope)
    return METRICS.build(config)


def numbers(found):
    return {key for key, one in found.items() if np.ndim(one) == 0}


@pytest.mark.parametrize('config', SCORES, ids=str)
def test_names_of_classifiers(config):
    metric = built('mmpretrain', **config)
    samples = [
        dict(pred_score=torch.eye(3)[k], gt_label=torch.tensor([k]))
        for k in range(3)
    ]
    metric.process(None, samples)
    names = given_names(loop_of(metric))
    assert names == numbers(metric.evaluate(3))


@pytest.mark.parametrize('config', MAPS, ids=str)
def test_names_of_segmentors(config):
    metric = built('mmseg', type='IoUMetric', **config)
    names = given_names(loop_of(metric))
    labels = torch.tensor([[0, 1], [2, 0]])
    sample = dict(pred_sem_seg=dict(data=labels))
    metric.process(None, [sample | dict(gt_sem_seg=dict(data=labels))])
    assert names == numbers(metric.evaluate(1))


@pytest.mark.parametrize(
    'config',
    [
        dict(),
        dict(metric=['bbox', 'proposal'], classwise=True),
        dict(metric='proposal_fast', proposal_nums=(1, 10)),
        dict(metric_items=['mAP', 'AR@100'], prefix='own'),
    ],
    ids=str,
)
def test_names_of_detectors(config):
    metric = built('mmdet', type='CocoMetric', **config)
    names = given_names(loop_of(metric))
    box, label = torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([0])
    truth = dict(bbox=[1.0, 1, 9, 9], bbox_label=0, ignore_flag=0)
    sample = dict(
        img_id=0,
        ori_shape=(12, 12),
        pred_instances=dict(
            bboxes=box, labels=label, scores=torch.tensor([0.9])
        ),
        instances=[truth],
    )
    metric.process(None, [sample])
    assert names == numbers(metric.evaluate(1))


def test_names_of_a_pretraining():
    init_default_scope(SCOPE)
    metric = METRICS.build(dict(type='ReconstructionMetric'))
    metric.results = [dict(loss=1.0, mean_colour_loss=2.0, psnr=3.0)]
    assert given_names(loop_of(metric)) == set(metric.evaluate(1))


def planned(loop, **config):
    runner = SimpleNamespace(val_loop=loop)
    return PlannedRun('train', Config(config), runner=runner)


FOLLOWING = [
    dict(default_hooks=dict(checkpoint=dict(save_best='NAME'))),
    dict(default_hooks=dict(checkpoint=dict(save_best=['NAME', 'own']))),
    dict(custom_hooks=[dict(), dict(save_best='NAME')]),
    dict(custom_hooks=[dict(type='EarlyStoppingHook', monitor='NAME')]),
    dict(param_scheduler=[dict(type='ReduceOnPlateauLR', monitor='NAME')]),
    dict(
        param_scheduler=dict(
            one=[dict(type='ReduceOnPlateauMomentum', monitor='NAME')]
        )
    ),
]


def _replaced(part, name):
    if isinstance(part, dict):
        return {key: _replaced(one, name) for key, one in part.items()}
    if isinstance(part, list):
        return [_replaced(one, name) for one in part]
    return name if part == 'NAME' else part


@pytest.mark.parametrize('config', FOLLOWING, ids=str)
def test_a_name_that_no_evaluator_gives(config):
    metric = built('mmpretrain', type='Accuracy', topk=(1, 2))
    loop = loop_of(metric)
    wrong = _replaced(config, 'top1x')
    lines = MetricNames().run(planned(loop, **wrong)).errors
    assert '=top1x: ' in lines[0] and 'accuracy/top1' in lines[0]
    right = _replaced(config, 'accuracy/top1')
    lines = MetricNames().run(planned(loop, **right)).errors
    assert not any('=accuracy/top1' in line for line in lines)


def test_without_its_prefix_the_name_is_suggested():
    loop = loop_of(built('mmpretrain', type='SingleLabelMetric'))
    config = dict(default_hooks=dict(checkpoint=dict(save_best='recall')))
    (line,) = MetricNames().run(planned(loop, **config)).errors
    assert line.endswith('did you mean single-label/recall?')


def test_without_validation_nothing_is_followed():
    config = FOLLOWING[0]
    (line,) = MetricNames().run(planned(None, **config)).warnings
    assert 'no effect' in line
    assert MetricNames().run(planned(None)) is None


@pytest.mark.parametrize('name', ['owm', 'list'])
def test_other_evaluators_are_compared_after_the_first_validation(name):
    loop = loop_of(OtherMetric())
    config = dict(default_hooks=dict(checkpoint=dict(save_best=name)))
    run = planned(loop, **config)
    check = MetricNames()
    assert not check.run(run).errors
    hook = PreflightHook(Preflight([check]), run)
    metrics = OtherMetric().compute_metrics([])
    with pytest.raises(PreflightError, match=f'save_best={name}: .*own'):
        hook.after_val_epoch(run.runner, metrics)
    # Once.
    hook.after_val_epoch(run.runner, metrics)
    config['default_hooks']['checkpoint']['save_best'] = 'own'
    hook = PreflightHook(Preflight([check]), planned(loop, **config))
    hook.after_val_epoch(run.runner, metrics)


def test_a_detector_that_finds_nothing_goes_on():
    loop = loop_of(built('mmdet', type='CocoMetric'))
    config = dict(
        default_hooks=dict(checkpoint=dict(save_best='coco/bbox_mAP'))
    )
    run = planned(loop, **config)
    assert not MetricNames().run(run).errors
    assert MetricNames().validated(run, {}) == []


@pytest.mark.parametrize(
    ('evaluator', 'key'),
    [
        (dict(type='IoUMetric', iou_metrics=['mIou']), '.iou_metrics'),
        (dict(type='IoUMetric', iou_metrics='IoU'), '.iou_metrics'),
        (dict(type='mmseg.IoUMetric', iou_metrics=[]), '.iou_metrics'),
        (dict(type='CocoMetric', metric=['box']), '.metric'),
        (dict(type='CocoMetric', metric_items=['mAP_25']), '.metric_items'),
        ([dict(type='SingleLabelMetric', items=['f1'])], '.0.items'),
        (dict(type='SingleLabelMetric', average='mean'), '.average'),
    ],
)
def test_unknown_options(evaluator, key):
    cfg = Config(
        dict(val_dataloader=dict(batch_size=1), val_evaluator=evaluator)
    )
    (line,) = MetricOptions().run(PlannedRun('train', cfg)).errors
    assert line.startswith(f'val_evaluator{key}=') and ' knows ' in line


@pytest.mark.parametrize('thrs', ['abc', ['a'], [0.1, '0.2']])
def test_thresholds_are_numbers(thrs):
    evaluator = dict(type='Accuracy', thrs=thrs)
    cfg = Config(
        dict(val_dataloader=dict(batch_size=1), val_evaluator=evaluator)
    )
    (line,) = MetricOptions().run(PlannedRun('train', cfg)).errors
    assert line.startswith('val_evaluator.thrs=') and 'number' in line
    for sound in (None, 0.5, 1, [0.1, None], ()):
        cfg.val_evaluator.thrs = sound
        assert MetricOptions().run(PlannedRun('train', cfg)) is None
