"""Schedules that do not end with the run."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.schedule_check import (
    Accumulation,
    IterationSchedule,
    ScheduleLength,
)


def linear(begin, end, **more):
    return dict(type='LinearLR', begin=begin, end=end, **more)


def cosine(begin, end, **more):
    return dict(
        type='mmengine.CosineAnnealingLR', begin=begin, end=end, **more
    )


def steps(*milestones, **more):
    return dict(type='MultiStepLR', milestones=list(milestones), **more)


def finding(schedule, **config):
    config.setdefault('train_cfg', dict(max_epochs=10))
    cfg = Config(dict(param_scheduler=schedule, **config))
    return ScheduleLength().run(PlannedRun('train', cfg))


@pytest.mark.parametrize(
    'schedule',
    [
        None,
        [],
        cosine(0, 10),
        [linear(0, 2), cosine(2, 10)],
        # Together, as SimMIM's.
        [linear(0, 2), cosine(0, 10)],
        # Warm-up in iterations, which is compared later.
        [linear(0, 5000, by_epoch=False), steps(8, 9)],
        [linear(0, 2), steps(8, begin=0, end=99)],
        [dict(type='CosineAnnealingLR', T_max=10)],
        [dict(type='CosineAnnealingLR')],
        [linear(0, 2), dict(type='ConstantLR', begin=3, factor=1.0)],
        dict(a=[cosine(0, 10)], b=[linear(0, 10)]),
    ],
)
def test_schedules_that_end_with_the_run(schedule):
    found = finding(schedule)
    assert found.errors == found.warnings == ()


@pytest.mark.parametrize(
    ('loop', 'variables', 'option'),
    [
        (dict(max_epochs=3), dict(max_epochs=30), 'max_epochs=3 instead of'),
        (dict(max_epochs=40), dict(max_epochs=30), 'max_epochs=40 instead'),
        # Only the schedule itself can be changed.
        (dict(max_epochs=3), dict(max_epochs=3), None),
        (dict(max_epochs=3), {}, None),
        (dict(max_iters=3), dict(max_epochs=30), None),
    ],
)
def test_the_variable_of_a_schedule_is_named(loop, variables, option):
    by_epoch = 'max_epochs' in loop
    schedule = [cosine(0, 30, by_epoch=by_epoch)]
    (line,) = finding(schedule, train_cfg=loop, **variables).warnings
    assert (option in line) if option else (' instead of ' not in line)


@pytest.mark.parametrize(
    ('schedule', 'expected'),
    [
        # A warm-up longer than the run.
        (
            [linear(0, 40), cosine(40, 300)],
            ['param_scheduler.0 (LinearLR) ends at epoch 40', '.1 (Cosine'],
        ),
        ([linear(0, 2), cosine(2, 30)], ['scheduler.1 (Cosine']),
        ([cosine(0, 10, T_max=30)], ['ends at epoch 30']),
        ([linear(0, 1), cosine(1, 6)], ['param_scheduler ends at epoch 6']),
        ([cosine(0, 10, T_max=6)], ['param_scheduler ends at epoch 6']),
        ([steps(5, 10, 12)], ['milestones: 10, 12 are after']),
        ([steps(5, begin=6)], ['milestones: 11']),
        (dict(a=[cosine(0, 20)]), ['param_scheduler.a.0 ']),
    ],
)
def test_schedules_that_end_elsewhere(schedule, expected):
    found = finding(schedule)
    assert not found.errors and len(found.warnings) == len(expected)
    for line, part in zip(found.warnings, expected, strict=True):
        assert part in line and '10' in line


@pytest.mark.parametrize(('begin', 'end'), [(2, 1), (3, 3)])
def test_an_end_before_its_begin_is_an_error(begin, end):
    found = finding([linear(0, 1), cosine(begin, end)])
    (line,) = found.errors
    assert 'param_scheduler.1' in line and not found.warnings


def test_runs_in_iterations():
    found = finding(
        [linear(0, 50, by_epoch=False), cosine(50, 300, by_epoch=False)],
        train_cfg=dict(by_epoch=False, max_iters=100),
    )
    (line,) = found.warnings
    assert 'iteration 300' in line


def test_events_beyond_the_end():
    found = finding(
        None,
        train_cfg=dict(
            max_epochs=10, val_begin=11, dynamic_intervals=[(12, 1)]
        ),
        val_dataloader=dict(batch_size=1),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', interval=20, save_last=False
            )
        ),
        custom_hooks=[dict(type='EMAHook', begin_epoch=10)],
    )
    expected = ('val_begin=11', 'dynamic_intervals.0', 'checkpoint', 'hooks.0')
    assert len(found.warnings) == len(expected)
    for part in expected:
        assert any(part in line for line in found.warnings)
    found = finding(
        None,
        train_cfg=dict(max_epochs=10, val_interval=20),
        val_dataloader=dict(batch_size=1),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=20)
        ),
    )
    # MMEngine validates and saves at the end.
    assert not found.warnings


def test_a_warm_up_in_iterations():
    cfg = Config(
        dict(
            param_scheduler=[linear(0, 500, by_epoch=False), cosine(0, 10)],
            train_cfg=dict(max_epochs=10),
        )
    )

    def warnings(iterations):
        runner = SimpleNamespace(max_iters=iterations)
        planned = PlannedRun('train', cfg, runner=runner)
        return IterationSchedule().run(planned).warnings

    (line,) = warnings(200)
    assert 'param_scheduler.0 (LinearLR) ends at iteration 500' in line
    assert not warnings(5000)


@pytest.mark.parametrize('asked', [False, True])
@pytest.mark.parametrize(
    'given, expected', [(2, False), (10, True), (30, True)]
)
def test_a_warm_up_that_is_shortened_is_reported(given, expected, asked):
    """The recipe's variable is longer than the actual schedule."""
    end = given if given < 10 else 5
    cfg = Config(
        dict(
            param_scheduler=[linear(0, end), cosine(end, 10)],
            train_cfg=dict(max_epochs=10),
            warmup_epochs=given,
            warmup_end=end,
        )
    )
    options = dict(warmup_epochs=given) if asked else {}
    found = ScheduleLength().run(PlannedRun('train', cfg, options))
    # A warning only if this run asks for it.
    lines = found.warnings if asked else found.notes
    assert any(f'warmup_epochs={given}' in line for line in lines) == expected
    assert len(found.warnings) + len(found.notes) == expected


@pytest.mark.parametrize('count, errors', [(1, 0), (6, 0), (7, 1)])
def test_an_update_is_not_longer_than_the_run(count, errors):
    wrapper = dict(type='OptimWrapper', accumulative_counts=count)
    cfg = Config(dict(optim_wrapper=wrapper))
    planned = PlannedRun('train', cfg, runner=SimpleNamespace(max_iters=6))
    finding = Accumulation().run(planned)
    assert len(finding.errors if finding else ()) == errors
