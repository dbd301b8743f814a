"""The table in docs/resume.md, row by row."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from mmengine.config import Config

from mixmae.cli.commands.train import load_strictly
from mixmae.cli.runner_builder import limit_loaders, use_compile_hook
from mixmae.config.option_values import plain_config
from mixmae.preflight.resume_rules import RULES, Effect, differences
from tests.engine.tiny_run import ROOT, tiny_config

TEXT = (ROOT / 'docs/resume.md').read_text()
WORDS = {
    'followed': Effect.FOLLOWED,
    'followed if': Effect.SAME_FILES,
    'chosen': Effect.CHOSEN,
    'refused': Effect.REFUSED,
}
SET = 'train_dataloader.dataset'
HOOKS = 'default_hooks'
OPTIMIZER = 'optim_wrapper.optimizer'
# A changed setting for each key of the table.
EXAMPLES: dict[str, tuple[str, Any]] = {
    'work_dir': ('work_dir', 'elsewhere'),
    'experiment_name': ('experiment_name', 'other'),
    'launcher': ('launcher', 'pytorch'),
    'load_from': ('load_from', 'a.pth'),
    'resume': ('resume', True),
    'log_level': ('log_level', 'ERROR'),
    'log_processor*': ('log_processor.window_size', 7),
    'visualizer*': ('visualizer.vis_backends', []),
    'custom_imports*': ('custom_imports.allow_failed_imports', False),
    'init_weights_for_test_or_val': ('init_weights_for_test_or_val', False),
    'env_cfg*': ('env_cfg.cudnn_benchmark', True),
    'compile*': ('compile', dict(backend='eager')),
    'default_hooks.compile*': (
        'default_hooks.compile',
        dict(type='mixmae.CompileHook', target='blocks'),
    ),
    'activation_checkpointing*': ('activation_checkpointing', ['backbone']),
    'runner_type': ('runner_type', 'mixmae.ShardedRunner'),
    'model_wrapper_cfg*': ('model_wrapper_cfg.broadcast_buffers', True),
    'find_unused_parameters': ('find_unused_parameters', True),
    'randomness.deterministic': ('randomness.deterministic', True),
    f'{HOOKS}.logger*': (f'{HOOKS}.logger.interval', 9),
    f'{HOOKS}.timer*': (f'{HOOKS}.timer', None),
    f'{HOOKS}.checkpoint*': (f'{HOOKS}.checkpoint.interval', 2),
    f'{HOOKS}.throughput*': (f'{HOOKS}.throughput', None),
    f'{HOOKS}.interrupt*': (f'{HOOKS}.interrupt', None),
    f'{HOOKS}.watchdog*': (f'{HOOKS}.watchdog.timeout', 9),
    f'{HOOKS}.report*': (f'{HOOKS}.report', None),
    f'{HOOKS}.visualization*': (
        f'{HOOKS}.visualization',
        dict(type='VisualizationHook'),
    ),
    f'{HOOKS}.corrupt_files.max_corrupt_ratio': (
        f'{HOOKS}.corrupt_files.max_corrupt_ratio',
        0.5,
    ),
    f'{HOOKS}.finite_guard.max_skips': (f'{HOOKS}.finite_guard.max_skips', 1),
    'val_*': ('val_dataloader.batch_size', 2),
    'test_*': ('test_dataloader.batch_size', 2),
    'train_cfg.val_*': ('train_cfg.val_interval', 2),
    'train_cfg.dynamic_intervals*': ('train_cfg.dynamic_intervals', [[1, 2]]),
    f'{SET}.*max_corrupt_ratio': (f'{SET}.max_corrupt_ratio', 0.5),
    f'{SET}.*lazy_init': (f'{SET}.lazy_init', False),
    f'{SET}.*serialize_data': (f'{SET}.serialize_data', False),
    f'{SET}.*backend_args*': (f'{SET}.backend_args', dict(backend='local')),
    f'{SET}.*listing_cache': (f'{SET}.listing_cache', False),
    f'{SET}.*data_root': (f'{SET}.data_root', '/elsewhere'),
    f'{SET}.*data_prefix*': (f'{SET}.data_prefix', 'train'),
    f'{SET}.*ann_file': (f'{SET}.ann_file', 'list.txt'),
    f'{SET}.*exclude*': (f'{SET}.exclude', ['corrupt_files.txt']),
    'model.*init_cfg*': (
        'model.backbone.init_cfg',
        dict(type='Pretrained', checkpoint='a.pth'),
    ),
    'model.*with_cp': ('model.backbone.with_cp', False),
    'model.*scores': ('model.backbone.scores', 'kept'),
    'model.test_cfg*': ('model.test_cfg', dict(mode='whole')),
    'train_cfg.max_epochs': ('train_cfg.max_epochs', 5),
    'train_cfg.max_iters': ('train_cfg.max_iters', 5),
    'param_scheduler*': ('param_scheduler.0.eta_min', 1e-5),
    f'{OPTIMIZER}.*': (f'{OPTIMIZER}.lr', 2e-3),
    'optim_wrapper.clip_grad*': ('optim_wrapper.clip_grad', dict(max_norm=1)),
    'auto_scale_lr*': ('auto_scale_lr.enable', True),
    'optim_wrapper.type': ('optim_wrapper.type', 'OptimWrapper'),
    'optim_wrapper.dtype': ('optim_wrapper.dtype', 'bfloat16'),
    'optim_wrapper.loss_scale*': ('optim_wrapper.loss_scale', 8.0),
    f'{OPTIMIZER}.type': (f'{OPTIMIZER}.type', 'SGD'),
    'optim_wrapper.paramwise_cfg.flat_decay_mult': (
        'optim_wrapper.paramwise_cfg',
        dict(flat_decay_mult=0.0),
    ),
    'optim_wrapper.accumulative_counts': (
        'optim_wrapper.accumulative_counts',
        1,
    ),
    'randomness.seed': ('randomness.seed', 5),
    'train_dataloader.batch_size': ('train_dataloader.batch_size', 2),
    f'{SET}.length': (f'{SET}.length', 18),
    f'{SET}.type': (f'{SET}.type', 'OtherDataset'),
    'train_dataloader.sampler.shuffle': (
        'train_dataloader.sampler.shuffle',
        False,
    ),
    'train_dataloader.drop_last': ('train_dataloader.drop_last', True),
    'train_cfg.type': ('train_cfg.type', 'EpochBasedTrainLoop'),
    'model.backbone.drop_path_rate': ('model.backbone.drop_path_rate', 0.1),
    'model.data_preprocessor.masking.ratio': (
        'model.data_preprocessor.masking.ratio',
        0.75,
    ),
    'model.head.norm_pixels': ('model.head.norm_pixels', False),
    'default_scope': ('default_scope', 'mmdet'),
    'sync_bn': ('sync_bn', 'torch'),
    f'{HOOKS}.step_seed.type': (f'{HOOKS}.step_seed', None),
    'custom_hooks': ('custom_hooks', [dict(type='EMAHook')]),
}
for _name in ('num_workers', 'prefetch_factor', 'timeout'):
    EXAMPLES[f'train_dataloader.{_name}'] = (f'train_dataloader.{_name}', 2)
for _name in ('persistent_workers', 'pin_memory'):
    EXAMPLES[f'train_dataloader.{_name}'] = (f'train_dataloader.{_name}', True)
EXAMPLES['train_dataloader.multiprocessing_context'] = (
    'train_dataloader.multiprocessing_context',
    'spawn',
)


def rows() -> dict[str, tuple[Effect, str]]:
    """Return key, text and flag of each row of the table."""
    _, rest = TEXT.split('| key | when it differs | flag |\n', 1)
    found = {}
    for line in rest.splitlines()[1:]:
        if not line.startswith('|'):
            break
        keys, says, flag = (one.strip() for one in line.split('|')[1:4])
        word = 'followed if' if says.startswith('followed if') else says
        for key in re.findall('`([^`]+)`', re.sub(r'\(.*?\)', '', keys)):
            assert key not in found
            found[key] = (WORDS[word], flag)
    return found


ROWS = rows()


def changed(key: str) -> tuple[dict, dict]:
    """Return the configs before and after the change of a row."""
    option, value = EXAMPLES[key]
    then = Config(tiny_config('run'))
    now = Config(tiny_config('run'))
    now.merge_from_dict({option: value})
    return plain_config(then), plain_config(now)


def test_the_table_holds_all_rules_and_each_has_an_example():
    documented = {k for k, (effect, _) in ROWS.items()}
    assert set(RULES) <= documented
    assert ROWS.keys() == EXAMPLES.keys()
    assert '| every other key | refused | |' in TEXT
    for key, (effect, flag) in ROWS.items():
        wanted = '`--resume-with`' if effect is Effect.CHOSEN else ''
        assert flag == wanted, key


@pytest.mark.parametrize('key', ROWS)
def test_row(key):
    found = differences(*changed(key))
    if key == 'randomness.seed':
        # Compared with the seed that the checkpoint notes.
        assert found == []
        return
    assert {one.effect for one in found} == {ROWS[key][0]}, found
    assert any(EXAMPLES[key][0].startswith(one.key[:9]) for one in found)


@pytest.mark.parametrize(
    ('option', 'one', 'other'),
    [
        ('model.backbone.window_sizes', (4, 4), [4, 4]),
        ('optim_wrapper.optimizer.lr', 1, 1.0),
        ('model.backbone.type', 'MIMSwin', 'mixmae.MIMSwin'),
        ('model.backbone.init_cfg', None, None),
        ('model.backbone.arch', dict(a=1, b=2), dict(b=2, a=1)),
        ('custom_hooks', [], [dict(type='ReconstructionHook')]),
        ('custom_hooks', None, [dict(type='mixmae.ProbeHook', k=1)]),
        ('train_dataloader.sampler.batch_size', 4, None),
        ('data_root', 'a', 'b'),
    ],
)
def test_the_same_value_written_differently_is_no_difference(
    option, one, other
):
    configs = []
    for value in (one, other):
        config = Config(tiny_config('run'))
        config.merge_from_dict({option: value})
        configs.append(plain_config(config))
    assert differences(*configs) == []


def test_what_a_start_changes_in_its_config_is_no_other_setting():
    """A checkpoint has the config of the runner, a resumed run that of files.

    ``compile`` of a file is a hook of the runner, for example.
    """
    now = Config({**tiny_config('run'), 'compile': True})
    then = copy.deepcopy(now)
    for change in (use_compile_hook, limit_loaders, load_strictly):
        change(then)
    assert then.default_hooks.compile
    found = differences(plain_config(then), plain_config(now))
    assert {one.effect for one in found} <= {Effect.FOLLOWED}, found


@pytest.mark.parametrize(
    'option',
    ['model.neck.decoder.depth', 'model.unheard_of', 'train_dataloader.a.b',
     'strategy.type', 'default_hooks.mine', 'train_cfg.other'],
)  # fmt: skip
def test_settings_without_a_rule_are_refused(option):
    now = Config(tiny_config('run'))
    now.merge_from_dict({option: 3})
    found = differences(plain_config(tiny_config('run')), plain_config(now))
    assert [one.effect for one in found] == [Effect.REFUSED]
