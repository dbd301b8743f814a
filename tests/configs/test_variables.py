"""Variables of configs: size, batch, classes, length, data root."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest

from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import read_with_bases
from mixmae.config.option_values import is_variable
from mixmae.preflight.check import PlannedRun
from mixmae.preflight.schedule_check import ScheduleLength
from tests.configs.test_configs import (
    CONFIGS,
    METHODS,
    every_config,
    every_training,
    identity,
    read,
)

# Keys of image sizes other than the backbone's.
SIZES = ('scale', 'crop_size', 'size')
# One of each schedule and kind of data.
NAMES = (
    'swin-demo_scenes-64',
    'swin-b_8xb128_300e',
    'swin-l_8xb64_800e',
    'swin-l_16xb128_800e',
    'swin-b-simmim_16xb128-100e_in1k-192',
    'swin-mini-finetune_imagenette-96',
    'swin-b_8xb128-70e_places365-224',
    'swin-b-linear_8xb2048-90e_in1k-224',
    'upernet_swin-l_8xb2-160k_ade20k-640',
    'upernet_swin-mini_camvid',
    'mask-rcnn_swin-mini_coco-tiny',
    'mask-rcnn_pvt-s_8xb2-12e_coco',
    'htc_swin-l-um_8xb4-36e_coco-lsj',
    'gfl_pvt-s-um_8xb2-25e_coco-lsj',
)
SOME = [path for path in CONFIGS if path.stem in NAMES]
some_trainings = pytest.mark.parametrize('path', SOME, ids=identity)


def offered(path):
    """Return the shared variables of a config with other values."""
    values = {
        'batch_size': 7,
        'data_root': '/elsewhere/of photos',
        'img_size': 2 * read(path).get('img_size', 0),
        'max_epochs': 301,
        'max_iters': 90001,
        'num_classes': 3,
        'warmup_epochs': 2,
        'warmup_iters': 11,
    }
    return {name: values[name] for name in values if name in read(path)}


def leaves(part, place=()):
    """Return all values of the parts that a runner reads, by key."""
    if isinstance(part, (dict, list, tuple)):
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in items:
            yield from leaves(value, (*place, key))
    else:
        yield place, part


def settings(config):
    parts = {
        key: value
        for key, value in config.to_dict().items()
        if not is_variable(config, key)
    }
    return dict(leaves(parts))


def child_of(path, folder, values):
    lines = [f'{name} = {value!r}\n' for name, value in values.items()]
    child = folder / 'child.py'
    child.write_text(f'_base_ = {str(path)!r}\n' + ''.join(lines))
    return child


@functools.cache
def read_changed(path):
    with tempfile.TemporaryDirectory() as folder:
        return read_with_bases(child_of(path, Path(folder), offered(path)))


@pytest.fixture
def changed(path):
    """Return the settings of a config and of a child with other variables."""
    return settings(read(path)), settings(read_changed(path))


def places(config, key, value):
    return {
        place
        for place, found in config.items()
        if place[-1] == key and found == value and type(found) is type(value)
    }


@every_config
def test_variables_that_a_config_offers(path):
    config = read(path)
    assert {'data_root', 'batch_size'} <= set(config)
    assert ('max_epochs' in config) != ('max_iters' in config)
    assert ('warmup_epochs' in config) or ('warmup_iters' in config)
    if path.parent.name not in METHODS and '-knn_' not in path.stem:
        assert 'num_classes' in config
    # Scenes are read at their own size by the detector.
    if not (path.parent.name == 'detection' and 'scenes' in path.stem):
        assert 'img_size' in config


@every_config
def test_a_file_alone_is_complete(path):
    """MMEngine's own reader gives the same config as ours."""
    assert settings(read_with_bases(path)) == settings(read(path))


@every_config
def test_data_root(path, changed):
    old, new = changed
    root = read(path).data_root.rstrip('/')
    before = {
        place
        for place, value in old.items()
        if isinstance(value, str) and (value + '/').startswith(root + '/')
    }
    assert any(place[0] == 'test_dataloader' for place in before)
    for place in before:
        rest = old[place].removeprefix(root)
        there = '/elsewhere/of photos' + rest.removesuffix('/')
        assert new[place].removesuffix('/') == there
    datasets = {
        place
        for place in old
        if place[-1] == 'data_root' and old[place] is not None
    }
    assert datasets <= before


@every_config
def test_batch_size(path, changed):
    old, new = changed
    before = places(old, 'batch_size', read(path).batch_size)
    assert before
    assert before <= places(new, 'batch_size', 7)
    if '-knn_' not in path.stem:
        assert new['train_dataloader', 'batch_size'] == 7


@every_config
def test_img_size(path, changed):
    if 'img_size' not in read(path):
        pytest.skip('images are read at their own size')
    old, new = changed
    size = read(path).img_size
    for place, value in old.items():
        if set(SIZES) & set(place) and value == size:
            assert new[place] == 2 * size, place
    backbone = ('model', 'backbone', 'img_size')
    pretraining = path.parent.name in METHODS or '-knn_' in path.stem
    if pretraining and backbone in old:
        assert (old[backbone], new[backbone]) == (size, 2 * size)
    else:
        # Positions are resized from the grid of the pretraining.
        assert new.get(backbone) == old.get(backbone)
    crops = {
        value
        for place, value in new.items()
        if 'crop_size' in place and place[0] != 'model'
    }
    assert crops <= {2 * size}


@every_training
def test_num_classes(path, changed):
    if path.parent.name in METHODS:
        pytest.skip('no labels')
    old, new = changed
    before = places(old, 'num_classes', read(path).num_classes)
    assert any(place[0] == 'model' for place in before)
    assert before <= places(new, 'num_classes', 3)
    for place, value in new.items():
        assert 'topk' not in place or 'evaluator' not in place[0] or value <= 3


@some_trainings
@pytest.mark.parametrize('length', [1, 3, 301])
def test_length(path, tmp_path, length):
    """The schedule is used up, and no step follows it."""
    config = read(path)
    name = 'max_epochs' if 'max_epochs' in config else 'max_iters'
    if name == 'max_iters':
        length = 10 * length
    child = read_with_bases(child_of(path, tmp_path, {name: length}))
    assert child.train_cfg[name] == length
    finding = ScheduleLength().run(PlannedRun('train', child))
    assert finding is not None
    assert (finding.errors, finding.warnings) == ((), ())
    hook = child.default_hooks.checkpoint
    if config.default_hooks.checkpoint.interval == config[name]:
        assert hook.interval == length


@every_training
def test_warmup(path, changed):
    _, new = changed
    first = new['param_scheduler', 0, 'end']
    assert first == (2 if 'warmup_epochs' in read(path) else 11)
    if 'warmup_epochs' in read(path):
        begin = read(path).param_scheduler[1].begin
        assert new['param_scheduler', 1, 'begin'] == (2 if begin else 0)


@some_trainings
def test_an_option_does_what_a_child_does(path, tmp_path):
    config = read_with_bases(path)
    for name, value in offered(path).items():
        child = read_with_bases(child_of(path, tmp_path, {name: value}))
        assert settings(apply_options(config, {name: value})) == settings(
            child
        ), name
