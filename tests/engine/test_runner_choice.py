"""Which runner trains a config, and what is refused at once."""

import pytest
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mixmae.engine import runner_choice
from mixmae.engine.runner_choice import (
    build_runner,
    check_engine,
    drop_sharding,
)
from mixmae.engine.sharding import ShardedRunner
from tests.engine.numbers_run import numbers_config

SHARDED = dict(
    runner_type='mixmae.ShardedRunner',
    model_wrapper_cfg=dict(type='mixmae.FullyShardedModel'),
)


@pytest.mark.parametrize(
    'changes, kind',
    [
        ({}, Runner),
        (SHARDED, ShardedRunner),
        (dict(runner_type='FlexibleRunner', env_cfg={}), FlexibleRunner),
    ],
)
def test_runner_type(tmp_path, changes, kind):
    config = numbers_config(tmp_path / 'run', **changes)
    assert type(build_runner(config)) is kind


def test_a_single_process_splits_nothing_and_trains(tmp_path):
    runner = build_runner(numbers_config(tmp_path / 'run', **SHARDED))
    runner.train()
    assert not runner.sharded
    assert (tmp_path / 'run' / 'iter_12.pth').is_file()


def deepspeed(**changes) -> Config:
    config = dict(
        runner_type='FlexibleRunner',
        strategy=dict(type='DeepSpeedStrategy', zero_optimization={}),
    )
    return Config({**config, **changes})


@pytest.mark.parametrize(
    'config, said',
    [
        (deepspeed(), 'pip install deepspeed'),
        (deepspeed(runner_type='Runner'), "runner_type='FlexibleRunner'"),
        (
            Config({**SHARDED, 'runner_type': 'Runner'}),
            "needs runner_type='mixmae.ShardedRunner'",
        ),
        (
            Config(
                dict(
                    model_wrapper_cfg=dict(static_graph=True),
                    optim_wrapper=dict(accumulative_counts=2),
                )
            ),
            'static_graph=True and optim_wrapper.accumulative_counts=2',
        ),
        (
            Config(
                dict(
                    find_unused_parameters=True,
                    model_wrapper_cfg=dict(gradient_as_bucket_view=True),
                )
            ),
            'model_wrapper_cfg.find_unused_parameters=True instead',
        ),
    ],
)
def test_refusals_are_one_line(config, said, monkeypatch):
    monkeypatch.setattr(runner_choice, '_installed', lambda package: False)
    with pytest.raises(ValueError, match=said) as caught:
        check_engine(config)
    assert '\n' not in str(caught.value)


def test_what_goes_together_is_let_pass(monkeypatch):
    monkeypatch.setattr(runner_choice, '_installed', lambda package: True)
    check_engine(deepspeed())
    check_engine(Config(SHARDED))
    check_engine(Config(dict(model_wrapper_cfg=dict(static_graph=True))))


def test_tests_share_nothing():
    config = Config(SHARDED)
    drop_sharding(config)
    assert config.model_wrapper_cfg is None
    assert config.runner_type == 'Runner'
    wrapper = dict(type='MMDistributedDataParallel')
    config = Config(dict(model_wrapper_cfg=wrapper))
    drop_sharding(config)
    assert config.model_wrapper_cfg == wrapper
