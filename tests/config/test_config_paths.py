"""Messages about missing data."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from mixmae.cli.runner_builder import BATCH_TIMEOUT, limit_loaders
from mixmae.config.config_paths import (
    data_paths,
    missing_data,
    refuse_pickled_data,
)
from tests.engine.tiny_run import ROOT
from tests.full_tier import require_full_tier


def config_of(root: Path, **dataset: object) -> Config:
    """Return a config whose train and val data share one root."""
    common = dict(data_root=str(root), data_prefix=dict(img='images'))
    return Config(
        dict(
            train_dataloader=dict(
                dataset=dict(common, ann_file='train.json', **dataset)
            ),
            val_dataloader=dict(dataset=dict(common, ann_file='val.json')),
            val_evaluator=[dict(ann_file=str(root / 'other.json'))],
        )
    )


def error_of(path: Path) -> OSError:
    with pytest.raises(OSError) as caught:
        path.read_bytes()
    return caught.value


def test_all_data_are_found(tmp_path):
    inner = dict(data_root='inner', data_prefix='here', pipeline=[dict(a=1)])
    config = config_of(tmp_path, dataset=inner)
    paths = {data.key: data.path for data in data_paths(config)}
    train = 'train_dataloader.dataset'
    assert paths == {
        f'{train}.data_root': tmp_path,
        f'{train}.ann_file': tmp_path / 'train.json',
        f'{train}.data_prefix.img': tmp_path / 'images',
        f'{train}.dataset.data_root': Path('inner'),
        f'{train}.dataset.data_prefix': Path('inner/here'),
        'val_dataloader.dataset.data_root': tmp_path,
        'val_dataloader.dataset.ann_file': tmp_path / 'val.json',
        'val_dataloader.dataset.data_prefix.img': tmp_path / 'images',
        'val_evaluator.0.ann_file': tmp_path / 'other.json',
    }


@pytest.mark.parametrize(
    ('missing', 'key'),
    [
        ('train.json', 'train_dataloader.dataset.ann_file=train.json'),
        ('val.json', 'val_dataloader.dataset.ann_file=val.json'),
        ('images/1.png', 'train_dataloader.dataset.data_prefix.img=images'),
        ('other.json', 'val_evaluator.0.ann_file='),
        ('unnamed', 'train_dataloader.dataset.data_root='),
    ],
)
def test_the_config_key_of_the_missing_path_is_named(tmp_path, missing, key):
    (tmp_path / 'images').mkdir()
    text = missing_data(error_of(tmp_path / missing), config_of(tmp_path))
    assert text.startswith(f'{tmp_path / missing} does not exist; ')
    expected = key + (str(tmp_path) if 'data_root' in key else '')
    assert expected in text


def test_a_missing_root_is_reported(tmp_path):
    root = tmp_path / 'nowhere'
    text = missing_data(error_of(root / 'val.json'), config_of(root))
    assert f'val_dataloader.dataset.data_root={root} ' in text


def test_a_file_is_no_folder(tmp_path):
    root = tmp_path / 'file'
    root.touch()
    text = missing_data(error_of(root / 'val.json'), config_of(root))
    assert text.startswith(f'{root / "val.json"} is not a folder')


def test_errors_raised_from_other_errors(tmp_path):
    """Errors from a loader's worker, a registry, an annotation file."""
    config = config_of(tmp_path)
    error = error_of(tmp_path / 'val.json')
    worker = FileNotFoundError(f'Caught it in a worker.\n{error}\n')
    assert 'val.json' in missing_data(worker, config)
    for kind in (FileNotFoundError, ValueError):
        with pytest.raises(kind) as caught:
            try:
                (tmp_path / 'val.json').read_bytes()
            except OSError:
                raise kind('class Some in some.py: failed') from None
        assert 'val.json' in missing_data(caught.value, config)


def test_other_errors_are_not_about_data(tmp_path):
    config = config_of(tmp_path / 'data')
    assert missing_data(error_of(tmp_path / 'x.pth'), config) is None
    assert missing_data(FileNotFoundError('no checkpoint'), config) is None
    assert missing_data(ValueError('bad'), config) is None
    bug = RuntimeError('while handling')
    bug.__context__ = error_of(tmp_path / 'data')
    assert missing_data(bug, config) is None


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize(
    'name',
    [
        'mixmae/swin-demo_scenes-64',
        'mixmae/swin-b_image-folder',
        'mixmae/swin-b_8xb128_600e_packed-320',
        'classification/swin-b_8xb128-100e_in1k-224',
        'classification/swin-b_8xb128-100e_inaturalist2018-224',
        'detection/mask-rcnn_swin-mini_scenes-128',
        'detection/mask-rcnn_swin-b_8xb2-12e_coco',
        'segmentation/upernet_swin-mini_scenes-128',
        'segmentation/upernet_swin-b_8xb2-160k_ade20k-512',
    ],
)
def test_data_sets_of_every_task(tmp_path, name, split):
    """Errors of all libraries about missing data become one line."""
    full = name.startswith(('detection', 'segmentation'))
    if full:
        require_full_tier()
    config = Config.fromfile(ROOT / f'configs/{name}.py')
    scope = config.default_scope
    if scope == 'mmseg':
        from mmseg.utils import register_all_modules

        register_all_modules(init_default_scope=False)
    settings = config[f'{split}_dataloader'].dataset
    settings.data_root = str(tmp_path / 'nowhere')
    settings.pipeline = []
    with (
        DefaultScope.overwrite_default_scope(scope),
        pytest.raises((OSError, ValueError)) as caught,
    ):
        DATASETS.build(settings)
    text = missing_data(caught.value, config)
    key = f'{split}_dataloader.dataset.data_root'
    assert f'{key}={tmp_path / "nowhere"} of the config' in text


@pytest.mark.parametrize(
    'place', ['test_cfg.train_dataloader', 'custom_hooks.1.val_dataloader']
)
def test_loaders_of_loops_and_hooks(tmp_path, place):
    loader = dict(num_workers=2, dataset=dict(ann_file='some.json'))
    hook = dict(type='ProbeHook', val_dataloader=loader)
    config = Config(dict(custom_hooks=[dict(type='EMAHook'), hook]))
    if place.startswith('test_cfg'):
        loop = dict(type='KNNTestLoop', train_dataloader=loader)
        config = Config(dict(test_cfg=loop))
    refuse_pickled_data(config)
    found = [data.key for data in data_paths(config)]
    assert found == [f'{place}.dataset.ann_file']
    limit_loaders(config)
    assert f"timeout': {BATCH_TIMEOUT}" in str(config.to_dict())
    config.merge_from_dict({f'{place}.dataset.ann_file': 'some.pkl'})
    with pytest.raises(ValueError, match=f'{place}.dataset.ann_file=some.pkl'):
        refuse_pickled_data(config)
