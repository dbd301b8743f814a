"""Numbers outside of their range are refused."""

import copy

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.number_check import RunNumbers, UpdateSize

GOOD = Config(
    dict(
        train_dataloader=dict(batch_size=2, num_workers=0),
        test_cfg=dict(train_dataloader=dict(batch_size=4)),
        train_cfg=dict(
            max_epochs=3, val_interval=1, dynamic_intervals=[(2, 1)]
        ),
        optim_wrapper=dict(
            accumulative_counts=1,
            optimizer=dict(type='SGD', lr=0.5, weight_decay=0.05),
            clip_grad=dict(max_norm=1),
        ),
        auto_scale_lr=dict(base_batch_size=8),
        randomness=dict(seed=2**32 - 1),
        param_scheduler=[dict(type='CosineAnnealingLR', eta_min=0.5)],
    )
)


def errors(mode='train', **options):
    cfg = copy.deepcopy(GOOD)
    cfg.merge_from_dict(options)
    return RunNumbers().run(PlannedRun(mode, cfg)).errors


def test_valid_numbers():
    assert errors() == ()
    assert RunNumbers().run(PlannedRun('train', Config({}))).errors == ()


@pytest.mark.parametrize(
    ('key', 'values'),
    [
        ('train_cfg.max_epochs', (0, -1, 1.5, 'a', True, [1])),
        ('train_cfg.val_interval', (0, -1)),
        ('train_dataloader.batch_size', (0, -1, 2.0, 'a')),
        ('train_dataloader.num_workers', (-1, 0.5)),
        ('test_cfg.train_dataloader.batch_size', (0,)),
        ('optim_wrapper.accumulative_counts', (0, -2, 1.5)),
        (
            'optim_wrapper.optimizer.lr',
            (-1e-3, float('nan'), float('inf'), '1', False),
        ),
        ('optim_wrapper.optimizer.weight_decay', (-0.1,)),
        ('optim_wrapper.clip_grad.max_norm', (0, -1, None, float('nan'))),
        ('optim_wrapper.clip_grad.clip_value', (0, -0.5)),
        ('auto_scale_lr.base_batch_size', (0, 2.5)),
        ('randomness.seed', (-1, 2**32, 'a', 0.5)),
        ('param_scheduler.0.eta_min', (-1e-9, 0.6, '0')),
        ('train_dataloader.timeout', (-1, 'a')),
        ('train_dataloader.prefetch_factor', (0, -1, 1.5)),
        ('train_dataloader.num_workers', (10_000,)),
        ('log_processor.window_size', (0, -1, 'ten', 2.5)),
        ('default_hooks.checkpoint.interval', (0, 2.5, -2, 'epoch')),
        ('default_hooks.logger.interval', (0, -1, 2.5)),
    ],
)
def test_numbers_out_of_range(key, values):
    for value in values:
        (line,) = errors(**{key: value})
        assert line.startswith(f'{key}={value!r} must be')


def test_intervals_of_further_hooks():
    hooks = [dict(type='EMAHook'), dict(type='DrawHook', interval=0)]
    (line,) = errors(custom_hooks=hooks)
    assert line.startswith('custom_hooks.1.interval=0 must be')
    # Never, as by default.
    hook = dict(type='mixmae.DurableCheckpointHook', interval=-1)
    assert not errors(**{'default_hooks.checkpoint': hook})
    assert not errors(**{'default_hooks.checkpoint': None})


def test_a_test_ignores_settings_of_the_training():
    assert not errors('test', **{'train_cfg.max_epochs': 0})
    assert errors('test', **{'train_dataloader.batch_size': 0})


def finding(kind='mixmae.UpdateSampler', **sampler):
    cfg = Config(
        dict(
            train_dataloader=dict(
                batch_size=4, sampler=dict(type=kind, **sampler)
            ),
            optim_wrapper=dict(accumulative_counts=2),
        )
    )
    return UpdateSize().run(PlannedRun('train', cfg))


def test_one_setting_is_enough():
    assert not finding().errors
    assert not finding(batch_size=4, accumulative_counts=2).errors
    assert finding('DefaultSampler') is None


def test_images_that_are_not_shuffled_are_a_warning():
    (line,) = finding('DefaultSampler', shuffle=False).warnings
    assert line.startswith('train_dataloader.sampler.shuffle=False')


def test_different_numbers_are_errors():
    lines = finding(batch_size=8, accumulative_counts=1).errors
    assert len(lines) == 2
    assert 'train_dataloader.batch_size=4' in lines[0]
    assert 'sampler.batch_size=8' in lines[0]
    assert 'optim_wrapper.accumulative_counts=2' in lines[1]


@pytest.mark.parametrize(
    ('size', 'head', 'expected'),
    [
        (1, dict(type='UPerHead', norm_cfg=dict(type='SyncBN')), 1),
        (1, dict(type='mmseg.PSPHead', norm_cfg=dict(type='BN')), 1),
        (1, dict(type='UPerHead', norm_cfg=dict(type='GN')), 0),
        (1, dict(type='FCNHead', norm_cfg=dict(type='BN')), 0),
        (
            1,
            dict(type='PSPHead', pool_scales=[2], norm_cfg=dict(type='BN')),
            0,
        ),
        (2, dict(type='UPerHead', norm_cfg=dict(type='BN')), 0),
    ],
)
def test_batch_norm_of_one_value(size, head, expected):
    options = {
        'train_dataloader.batch_size': size,
        'model': dict(decode_head=head),
    }
    found = errors(**options)
    assert len(found) == expected
    assert all('model.decode_head pools each map' in line for line in found)
    assert not errors('test', **options)
