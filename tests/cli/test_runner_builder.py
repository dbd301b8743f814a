"""Choice of the runner for a config, and settings that are refused."""

import pytest
from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mixmae.cli import runner_builder
from mixmae.cli.runner_builder import (
    BATCH_TIMEOUT,
    build_runner,
    check_engine,
    drop_sharding,
    limit_loaders,
    use_compile_hook,
)
from mixmae.engine.fsdp2 import FullyShardedModel, ShardedRunner
from tests.engine.numbers_run import numbers_config
from tests.engine.tiny_run import ROOT, tiny_config

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


def test_sharding_on_a_single_process_trains_without_it(tmp_path):
    runner = build_runner(numbers_config(tmp_path / 'run', **SHARDED))
    runner.train()
    assert not runner.sharded
    assert (tmp_path / 'run' / 'iter_12.pth').is_file()


def test_a_hook_that_is_none_is_left_out(tmp_path):
    kinds = []
    for hooks in ({}, dict(report=None, timer=None)):
        config = numbers_config(tmp_path / f'run{len(hooks)}')
        config.default_hooks = {
            **config.default_hooks,
            'report': dict(type='mixmae.ReportHook'),
            **hooks,
        }
        found = build_runner(config).hooks
        kinds.append({type(hook).__name__ for hook in found})
    assert kinds[0] - kinds[1] == {'ReportHook', 'IterTimerHook'}


def deepspeed(**changes) -> Config:
    config = dict(
        runner_type='FlexibleRunner',
        strategy=dict(type='DeepSpeedStrategy', zero_optimization={}),
    )
    return Config({**config, **changes})


@pytest.mark.parametrize(
    'config, said',
    [
        (deepspeed(), 'is not installed: pip install deepspeed'),
        (deepspeed(runner_type='Runner'), "runner_type='FlexibleRunner'"),
        (
            Config({**SHARDED, 'runner_type': 'Runner'}),
            "needs runner_type='mixmae.ShardedRunner'",
        ),
        (
            # As a class, without a registry.
            Config(dict(model_wrapper_cfg=dict(type=FullyShardedModel))),
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
        (
            Config(
                dict(
                    compile=dict(backend='eager'),
                    default_hooks=dict(compile=dict(type='CompileHook')),
                )
            ),
            'and default_hooks.compile both compile',
        ),
    ],
)
def test_refusals_are_one_line(config, said, monkeypatch):
    monkeypatch.setattr(runner_builder, '_folder_of', lambda package: None)
    with pytest.raises(ValueError, match=said) as caught:
        check_engine(config)
    assert '\n' not in str(caught.value)


def test_valid_combinations_are_accepted(monkeypatch, tmp_path):
    monkeypatch.setattr(runner_builder, '_folder_of', lambda package: tmp_path)
    with pytest.raises(ValueError, match='is too new for MMEngine: pip'):
        check_engine(deepspeed())
    (tmp_path / 'runtime/fp16/onebit').mkdir(parents=True)
    check_engine(deepspeed())
    check_engine(Config(SHARDED))
    check_engine(Config(dict(model_wrapper_cfg=dict(static_graph=True))))


def test_sharding_is_dropped_for_tests():
    config = Config(SHARDED)
    drop_sharding(config)
    assert config.model_wrapper_cfg is None
    assert config.runner_type == 'Runner'
    wrapper = dict(type='MMDistributedDataParallel')
    config = Config(dict(model_wrapper_cfg=wrapper))
    drop_sharding(config)
    assert config.model_wrapper_cfg == wrapper


def test_documented_settings_are_read(tmp_path, monkeypatch):
    """The settings that docs/distributed.md gives for DeepSpeed and FSDP."""
    monkeypatch.setattr(runner_builder, '_folder_of', lambda package: None)
    text = (ROOT / 'docs/distributed.md').read_text()
    blocks = [b.split('```')[0] for b in text.split('```python\n')[1:]]
    chosen = [block for block in blocks if 'runner_type' in block]
    assert len(chosen) == 2
    base = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
    for name, block in zip(('fsdp', 'deepspeed'), chosen, strict=True):
        path = tmp_path / f'{name}.py'
        path.write_text(f'_base_ = {str(base)!r}\n{block}')
        config = Config.fromfile(path)
        if name == 'fsdp':
            check_engine(config)
            continue
        with pytest.raises(ValueError, match='pip install deepspeed'):
            check_engine(config)
        # FlexibleRunner takes no hooks of None, unlike Runner.
        assert None not in config.default_hooks.values()
        assert not {'interrupt', 'finite_guard'} & set(config.default_hooks)


def limited(**loader):
    cfg = Config(dict(test_cfg=dict(train_dataloader=loader)))
    limit_loaders(cfg)
    return cfg.test_cfg.train_dataloader.to_dict()


def test_workers_have_a_time_limit():
    assert limited(num_workers=1) == dict(num_workers=1, timeout=BATCH_TIMEOUT)
    assert limited(num_workers=1, timeout=0)['timeout'] == 0


@pytest.mark.parametrize('count', [dict(num_workers=0), {}])
def test_zero_workers_are_accepted(count):
    loader = limited(
        batch_size=2,
        persistent_workers=True,
        prefetch_factor=2,
        timeout=9,
        pin_memory=False,
        sampler=dict(type='DefaultSampler'),
        dataset=list(range(4)),
        **count,
    )
    assert loader['pin_memory'] is False
    assert len(Runner.build_dataloader(loader)) == 2


def test_mmengines_compile_key_works(tmp_path):
    config = Config(tiny_config(tmp_path))
    config.compile = dict(backend='eager')
    runner = build_runner(config)
    assert runner.cfg.compile is None
    (hook,) = (h for h in runner.hooks if type(h).__name__ == 'CompileHook')
    assert hook.options['backend'] == 'eager'
    plain = Config(dict(compile=True))
    use_compile_hook(plain)
    assert plain.compile is True and 'default_hooks' not in plain
