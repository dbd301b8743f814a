"""Variables of a config, changed by options."""

import argparse
import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mixmae.cli.command_line import run_config
from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import read_with_bases
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import is_variable

CONFIGS = Path(__file__).parents[2] / 'configs'
DEMO = CONFIGS / 'mixmae' / 'swin-demo_scenes-64.py'


def edited(path, folder, name, value):
    """Return the config with its last assignment edited by hand."""
    text = path.read_text().replace("'../", f"'{path.parent.parent}/")
    text, count = re.subn(f'(?m)^{name} = .*$', f'{name} = {value!r}', text)
    assert count == 1
    (folder / 'edited.py').write_text(text)
    return Config.fromfile(folder / 'edited.py')


@pytest.mark.parametrize(
    ('name', 'value'),
    [('max_epochs', 7), ('warmup_epochs', 1), ('batch_size', 8)],
)
def test_an_option_equals_an_edit_of_the_file(tmp_path, name, value):
    cfg = Config.fromfile(DEMO)
    new = apply_options(cfg, {name: value})
    assert new.to_dict() == edited(DEMO, tmp_path, name, value).to_dict()
    assert new.filename == cfg.filename and new.text == cfg.text
    # The library is as before.
    assert Config.fromfile(DEMO).to_dict() == cfg.to_dict()


def test_options_of_settings_come_last():
    cfg = apply_options(
        Config.fromfile(DEMO), {'train_cfg.max_epochs': 3, 'max_epochs': 9}
    )
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.param_scheduler[1].end == 9


def test_an_entry_of_a_pipeline():
    cfg = apply_options(Config.fromfile(DEMO), {'train_pipeline.1.scale': 48})
    assert cfg.train_dataloader.dataset.pipeline[1].scale == 48
    base = Config.fromfile(DEMO)
    assert cfg.train_pipeline[0] == base.train_pipeline[0]
    assert cfg.val_dataloader == base.val_dataloader


def test_a_variable_that_replaces_its_dict():
    cfg = Config.fromfile(CONFIGS / 'mixmae' / 'own-images.py')
    whole = {'_delete_': True, 'type': 'UniformMasking', 'cell': 16}
    new = apply_options(cfg, {'masking': whole})
    drawn = {'type': 'UniformMasking', 'cell': 16}
    assert new.model.data_preprocessor.masking == new.masking == drawn
    # The caller's values are not changed, and the other keys are merged.
    assert whole['_delete_']
    merged = apply_options(cfg, {'masking': {'ratio': 0.6}})
    assert merged.model.data_preprocessor.masking.type == 'RandomMasking'


CHAIN = {
    'base.py': """
side = 8
shape = dict(size=side, more=[1, 2])
model = dict(side=side, area=side * side, shape=shape)
""",
    'leaf.py': """
_base_ = './base.py'
unused = 3
doubled = 2 * _base_.side
def local():
    side = 4
    return side
train_cfg = dict(length=doubled, local=local(), text={{_base_.side}})
""",
    'taken.py': """
_base_ = './base.py'
for side in (1, 2):
    pass
model = dict(side=side)
""",
}


@pytest.fixture
def chain(tmp_path):
    for name, text in CHAIN.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ('option', 'value', 'model', 'length'),
    [
        ('side', 3, dict(side=3, area=9, shape=dict(size=3, more=[1, 2])), 6),
        (
            'shape.more',
            [float('inf')],
            dict(side=8, area=64, shape=dict(size=8, more=[float('inf')])),
            16,
        ),
        (
            'shape',
            dict(more=None, new=(1,)),
            dict(side=8, area=64, shape=dict(size=8, more=None, new=(1,))),
            16,
        ),
    ],
)
def test_variables_of_bases(chain, option, value, model, length):
    cfg = Config.fromfile(chain / 'leaf.py')
    new = apply_options(cfg, {option: value})
    assert new.model.to_dict() == model
    assert new.train_cfg.length == length and new.train_cfg.local == 4


def test_several_variables(chain):
    cfg = Config.fromfile(chain / 'leaf.py')
    new = apply_options(cfg, {'side': 3, 'shape.new': (1,), 'shape.more': 5})
    assert new.model.area == 9
    assert new.model.shape == dict(size=3, more=5, new=(1,))


def test_bases_follow_variables_of_equal_value(tmp_path):
    (tmp_path / 'base.py').write_text(
        "root = 'a'\nsize = 2\nmodel = dict(root=root, size=size)\n"
    )
    (tmp_path / 'leaf.py').write_text(
        "_base_ = './base.py'\nroot = 'a'\nsize = 4\n"
        'train_cfg = dict(root=root, size=size)\n'
    )
    cfg = Config.fromfile(tmp_path / 'leaf.py')
    new = apply_options(cfg, dict(root='b', size=8))
    assert new.train_cfg == dict(root='b', size=8)
    assert new.model == dict(root='b', size=2)


FOLLOWING = {
    'base.py': """
max_epochs = 20
data_root = 'here'
side = 8
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [dict(end=max_epochs)]
train_dataloader = dict(data_root=data_root, side=side)
val_dataloader = dict(data_root=data_root)
""",
    'middle.py': """
_base_ = './base.py'
max_epochs = 10
optim_wrapper = dict(length=_base_.max_epochs, epochs=max_epochs)
""",
    'child.py': """
_base_ = './middle.py'
max_epochs = 300
data_root = 'there'
side = 2
val_dataloader = dict(data_root='elsewhere')
""",
}


@pytest.fixture
def following(tmp_path):
    for name, text in FOLLOWING.items():
        (tmp_path / name).write_text(text)
    return tmp_path / 'child.py'


def test_bases_follow_the_shared_variables_of_a_child(following):
    cfg = read_with_bases(following)
    assert cfg.param_scheduler == [dict(end=300)]
    assert cfg.train_cfg == dict(max_epochs=300)
    assert cfg.optim_wrapper == dict(length=300, epochs=300)
    # Assignments of the child come last; it may add names.
    assert cfg.train_dataloader == dict(data_root='there', side=8)
    assert cfg.val_dataloader == dict(data_root='elsewhere')
    assert cfg.filename == Config.fromfile(following).filename


def test_an_option_leaves_the_other_variables_of_a_child(following):
    cfg = apply_options(read_with_bases(following), {'max_epochs': 3})
    assert cfg.param_scheduler == [dict(end=3)]
    assert cfg.train_dataloader == dict(data_root='there', side=8)


def test_a_file_is_executed_once_if_nothing_follows(following, monkeypatch):
    calls = []
    read = Config._file2dict
    monkeypatch.setattr(
        Config,
        '_file2dict',
        staticmethod(lambda *a, **k: calls.append(a) or read(*a, **k)),
    )
    path = following.with_name('base.py')
    assert read_with_bases(path).to_dict()['max_epochs'] == 20
    assert len(calls) == 1


@pytest.mark.parametrize(
    ('config', 'option', 'message'),
    [
        ('leaf.py', 'unused', 'unused is a variable of .* no effect'),
        ('taken.py', 'side', 'no effect here; set model.side instead'),
        ('leaf.py', 'doubled.x', 'doubled.x=1: TypeError'),
        ('leaf.py', 'shape.more.7', 'shape.more.7=1: KeyError'),
        ('leaf.py', 'sid', 'did you mean side'),
    ],
)
def test_options_without_effect_are_refused(chain, config, option, message):
    with pytest.raises(ConfigError, match=message):
        apply_options(Config.fromfile(chain / config), {option: 1})


def test_a_value_that_the_file_cannot_run_with(chain):
    with pytest.raises(ConfigError, match='side=None: TypeError'):
        apply_options(Config.fromfile(chain / 'leaf.py'), {'side': None})


def test_configs_that_import_their_bases(tmp_path):
    (tmp_path / 'base.py').write_text('side = 8\nmodel = dict(side=side)\n')
    (tmp_path / 'leaf.py').write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n    from .base import *\n'
    )
    cfg = Config.fromfile(tmp_path / 'leaf.py')
    with pytest.raises(ConfigError, match='set model.side instead'):
        apply_options(cfg, {'side': 3})


def test_a_dumped_config(chain):
    Config.fromfile(chain / 'leaf.py').dump(chain / 'dumped.py')
    cfg = Config.fromfile(chain / 'dumped.py')
    with pytest.raises(ConfigError, match='set model.side instead'):
        apply_options(cfg, {'side': 3})


def leaves():
    folders = ('classification', 'detection', 'mixmae', 'segmentation')
    return sorted(
        path for name in folders for path in (CONFIGS / name).glob('*.py')
    )[::7]


@pytest.mark.parametrize('path', leaves(), ids=lambda path: path.stem)
def test_no_option_is_silently_without_effect(path):
    """An option for any number of any config works or is refused."""
    if path.parent.name == 'detection':
        pytest.importorskip('mmdet')
    args = argparse.Namespace(
        config=str(path), launcher='none', work_dir='x', local_rank=0
    )
    cfg = Config.fromfile(path)
    for name in cfg:
        if not is_variable(cfg, name) or not isinstance(cfg[name], int):
            continue
        args.cfg_options = {name: cfg[name] + 1}
        try:
            new = run_config(args)
        except ConfigError as error:
            assert name in str(error)
            continue
        assert any(
            new.get(key) != cfg.get(key)
            for key in cfg
            if not is_variable(cfg, key)
        )


def test_options_of_the_same_effect_together():
    """Two epochs have a warm-up of one already, and three do not."""
    both = {'max_epochs': 2, 'warmup_epochs': 1}
    for options in (both, dict(reversed(both.items()))):
        cfg = apply_options(Config.fromfile(DEMO), options)
        assert cfg.param_scheduler[0].end == 1 and cfg.warmup_epochs == 1
