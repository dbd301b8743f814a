"""Misspelt keys are errors, unused variables are warnings."""

import pytest
from mmengine.config import Config

from mixmae.config.config_variables import read_with_bases
from mixmae.preflight import PlannedRun
from mixmae.preflight.config_key_check import Choices, ConfigKeys
from mixmae.preflight.path_check import PathTypes

BASE = """
length = 3
unused_in_base = 1
train_cfg = dict(max_epochs=length)
default_hooks = dict(checkpoint=dict(type='CheckpointHook'))
"""


def findings(folder, text, suffix='.py'):
    (folder / 'base.py').write_text(BASE)
    path = folder / f'leaf{suffix}'
    path.write_text(text)
    finding = ConfigKeys().run(PlannedRun('train', Config.fromfile(path)))
    return list(finding.errors), list(finding.warnings)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('optim_wraper = dict()', 'optim_wraper .* mean optim_wrapper?'),
        ('train_dataloder = dict()', 'mean train_dataloader?'),
        ('custom_hook = []', 'mean custom_hooks?'),
        ('env_cfg = dict(cudnn_bench=1)', 'env_cfg.cudnn_bench .* benchmark'),
        ('env_cfg = dict(mp_cfg=dict(start=1))', 'env_cfg.mp_cfg.start is'),
        ('auto_scale_lr = dict(base_batch=1)', 'mean base_batch_size?'),
        ('randomness = dict(sed=1)', 'randomness.sed .* mean seed?'),
        (
            'optim_wrapper = dict(clip_grad=dict(max_nrom=1))',
            'clip_grad.max_nrom .* mean max_norm?',
        ),
        (
            'optim_wrapper = dict(paramwise_cfg=dict(norm_mult=0.0))',
            'optim_wrapper.paramwise_cfg.norm_mult is',
        ),
        (
            'default_hooks = dict(checkpoint_hook=dict(interval=1))',
            'default_hooks.checkpoint_hook has no type; .* hooks.checkpoint?',
        ),
    ],
)
def test_misspelt_keys(tmp_path, text, message):
    errors, _ = findings(tmp_path, f"_base_ = './base.py'\n{text}\n")
    (line,) = errors
    assert message.split(' .* ')[0] in line
    assert message.split(' .* ')[-1] in line


def test_misspelt_keys_of_json(tmp_path):
    text = '{"_base_": "./base.py", "train_dataloder": {"batch_size": 2}}'
    (line,), _ = findings(tmp_path, text, '.json')
    assert 'mean train_dataloader?' in line


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('unused_in_base = 5', 'unused_in_base'),
        ('own = 5  # own is not own', 'own'),
        ('own: int = 5\nmodel = dict(own=1)', 'own'),
        ('train_dataloader_2 = dict()', 'train_dataloader_2'),
    ],
)
def test_unused_variables(tmp_path, text, named):
    errors, warnings = findings(tmp_path, f"_base_ = './base.py'\n{text}\n")
    assert not errors
    assert [line.split()[0] for line in warnings if 'leaf' in line] == [named]


def test_a_variable_that_the_base_has_used_is_an_error(tmp_path):
    """The run would silently have the value of the base."""
    (line,), _ = findings(tmp_path, "_base_ = './base.py'\nlength = 5\n")
    assert f'length of {tmp_path / "leaf.py"} has no effect' in line
    assert f'its base {tmp_path / "base.py"}' in line
    assert 'by --cfg-options' in line
    same = "_base_ = './base.py'\nlength = 5\ntrain_cfg = dict(x=length)\n"
    assert not findings(tmp_path, same)[0]


def test_an_override_without_effect_names_the_setting(tmp_path):
    text = "_base_ = './base.py'\nmax_epochs = 5\n"
    _, warnings = findings(tmp_path, text)
    assert any('train_cfg.max_epochs' in line for line in warnings)


def test_bases_read_the_shared_variables_of_a_child(tmp_path):
    (tmp_path / 'base.py').write_text(
        'max_epochs = 3\nlength = 2\n'
        'train_cfg = dict(max_epochs=max_epochs, length=length)\n'
    )
    path = tmp_path / 'leaf.py'
    path.write_text("_base_ = './base.py'\nmax_epochs = 5\nlength = 5\n")
    (line,) = (
        ConfigKeys().run(PlannedRun('train', read_with_bases(path))).errors
    )
    assert line.startswith('length of ')
    assert 'set train_cfg.length in the file' in line


@pytest.mark.parametrize(
    'text',
    [
        'own = 5\nmodel = dict(own=own)',
        'own = 5\nmodel = dict(x=[own, *range(own)])',
        "own = 5\nmodel = dict(x=f'{own}')",
        'model = dict(x=_base_.unused_in_base)',
        "model = dict(x=_base_['unused_in_base'])",
        'model = dict(x={{_base_.unused_in_base}})',
    ],
)
def test_used_variables(tmp_path, text):
    errors, warnings = findings(tmp_path, f"_base_ = './base.py'\n{text}\n")
    assert not errors
    assert not [line for line in warnings if 'leaf' in line]
    if 'unused' in text:
        assert not warnings


def test_dumped_configs_and_dicts(tmp_path):
    (tmp_path / 'base.py').write_text(BASE)
    cfg = Config.fromfile(tmp_path / 'base.py')
    cfg.dump(tmp_path / 'dumped.py')
    for one in (Config.fromfile(tmp_path / 'dumped.py'), Config(dict(a=1))):
        assert not ConfigKeys().run(PlannedRun('train', one)).errors


@pytest.mark.parametrize('value', [3, {}, True, ['a', 'b']])
def test_paths_of_other_types(value):
    for key in ('data_root', 'ann_file')[: 1 if value == ['a', 'b'] else 2]:
        dataset = dict(type='RepeatDataset', dataset={key: value})
        cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
        (line,) = PathTypes().run(PlannedRun('train', cfg)).errors
        assert line.startswith(f'val_dataloader.dataset.dataset.{key}=')


def test_text_and_none():
    data = dict(data_root='/my photos', ann_file=None)
    cfg = Config(dict(val_dataloader=dict(dataset=data)))
    assert PathTypes().run(PlannedRun('test', cfg)).errors == ()


def choices(**config):
    return list(Choices().run(PlannedRun('train', Config(config))).errors)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_a_loop_without_one_of_its_parts(split):
    last = 'optim_wrapper' if split == 'train' else f'{split}_evaluator'
    keys = [f'{split}_dataloader', f'{split}_cfg', last]
    parts = {key: dict(type='X') for key in keys}
    for key in keys:
        planned = PlannedRun('train', Config(parts | {key: None}))
        (line,) = ConfigKeys().run(planned).errors
        assert line.startswith(f'{key} not set: set all of ')


@pytest.mark.parametrize(
    'config',
    [
        dict(log_level='LOUD'),
        dict(log_level='info'),
        dict(log_level=-1),
        dict(sync_bn='cuda'),
        dict(compile=dict(mode='fast')),
        dict(compile=dict(backend='fast')),
        dict(default_hooks=dict(compile=dict(backend='fast'))),
        dict(env_cfg=dict(mp_cfg=dict(mp_start_method='thread'))),
        dict(env_cfg=dict(dist_cfg=dict(backend='tcp'))),
        dict(env_cfg=dict(cudnn_benchmark='no')),
        dict(randomness=dict(deterministic=1)),
        dict(train_dataloader=dict(multiprocessing_context='fork_')),
        dict(train_dataloader=dict(drop_last='off')),
        dict(train_dataloader=dict(sampler=dict(shuffle='no'))),
        dict(val_evaluator=dict(collect_device='cuda')),
        dict(val_evaluator=[dict(), dict(collect_device=0)]),
        dict(default_hooks=dict(checkpoint=dict(rule='max'))),
        dict(custom_hooks=[dict(rule='min')]),
        dict(param_scheduler=[dict(by_epoch='true')]),
        dict(param_scheduler=dict(by_epoch='true')),
    ],
    ids=str,
)
def test_values_out_of_a_few(config):
    (line,) = choices(**config)
    assert ' must be one of ' in line


def test_values_that_are_among_them():
    assert not choices(
        log_level=25,
        sync_bn=None,
        compile=dict(backend='eager', mode='default'),
        env_cfg=dict(
            mp_cfg=dict(mp_start_method='spawn'),
            dist_cfg=dict(backend='cpu:gloo,cuda:nccl'),
        ),
        default_hooks=dict(checkpoint=dict(rule=['greater', 'less'])),
        train_dataloader=dict(drop_last=True, persistent_workers=False),
    )
