"""Errors while parts are built: the message names the config key."""

import copy
import re

import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner

from mixmae.config.config_error_lines import (
    config_error_line,
    scope_error,
    setup_error,
)


@DATASETS.register_module(force=True)
class FivePlaces(BaseDataset):
    def load_data_list(self):
        return [dict(place=place) for place in range(5)]


CONFIG = Config(
    dict(
        train_dataloader=dict(dataset=dict(type='FivePlaces')),
        val_dataloader=dict(
            batch_size=1,
            sampler=dict(type='DefaultSampler'),
            dataset=dict(type='FivePlaces', indices=[0, 4]),
        ),
    )
)


def test_indices_within_the_data():
    assert len(Runner.build_dataloader(CONFIG.val_dataloader).dataset) == 2


@pytest.mark.parametrize('indices', [[0, 7, 3], (5,)])
@pytest.mark.parametrize('serialize', [True, False])
def test_indices_beyond_the_data(indices, serialize):
    config = copy.deepcopy(CONFIG)
    dataset = config.val_dataloader.dataset
    dataset.indices, dataset.serialize_data = indices, serialize
    with pytest.raises(IndexError) as info:
        Runner.build_dataloader(config.val_dataloader)
    line = setup_error(info.value, config)
    assert f'val_dataloader.dataset.indices contains {max(indices)}' in line
    assert '5 samples' in line


@pytest.mark.parametrize(
    ('code', 'said'),
    [
        (
            'from os import nothing',
            "ImportError: cannot import name 'nothing'",
        ),
        ('import no_such_thing', "No module named 'no_such_thing'"),
        ('import os\nos.nothing', 'AttributeError: .*registry.py, line 2'),
        (None, 'has no module registry'),
    ],
)
@pytest.mark.parametrize('named', [True, False])
def test_a_scope_whose_registry_fails(
    tmp_path, monkeypatch, code, said, named
):
    """Its own error is shown, not only that a part is unknown."""
    scope = f'plug{abs(hash((code, named)))}'
    (tmp_path / scope).mkdir()
    (tmp_path / scope / '__init__.py').write_text('')
    if code is not None:
        (tmp_path / scope / 'registry.py').write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = Config(dict(default_scope='mmengine' if named else scope))
    kind = f'{scope}.Part' if named else 'Part'
    try:
        with DefaultScope.overwrite_default_scope(config.default_scope):
            MODELS.build(dict(type=kind))
    except KeyError as error:
        # Within an except block, as in the tools.
        line = scope_error(error, config)
    assert re.search(said, line) and kind in line and '\n' not in line


def test_a_scope_that_is_not_installed():
    with pytest.raises(KeyError) as info:
        MODELS.build(dict(type='no_such_scope.Part'))
    line = scope_error(info.value, None)
    assert line.endswith('no package no_such_scope is installed')
    with pytest.raises(KeyError) as info:
        MODELS.build(dict(type='mmengine.Part'))
    assert (
        scope_error(info.value, Config(dict(default_scope='mmengine'))) is None
    )


@pytest.mark.parametrize('scope', ['mmpretrain', None])
def test_a_part_of_mixmae_in_another_scope(scope):
    with (
        DefaultScope.overwrite_default_scope(scope),
        pytest.raises(KeyError) as info,
    ):
        MODELS.build(dict(type='MaskedImageModel'))
    line = scope_error(info.value, Config(dict(default_scope=scope)))
    assert f'default_scope is {scope!r}; set default_scope=' in line


def test_batches_without_inputs():
    """Of a pipeline that packs nothing, reported in the first iteration."""
    line = setup_error(KeyError('inputs'), Config(dict()))
    assert 'PackInputs' in line and 'PackDetInputs' in line


def test_data_sets_without_images():
    config = copy.deepcopy(CONFIG)
    config.val_dataloader.dataset.indices = 0
    with pytest.raises(ValueError) as info:
        Runner.build_dataloader(config.val_dataloader)
    line = setup_error(info.value, config)
    assert 'has no images' in line and 'dataset=dict(type=' in line


def test_images_that_mmcv_cannot_decode(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'\xff\xd8\xff\xe0')
    with pytest.raises(AssertionError) as info:
        LoadImageFromFile()(dict(img_path=str(path)))
    line = config_error_line(info.value)
    assert line.startswith(f'{path} cannot be decoded')
    assert config_error_line(AssertionError('another')) is None
