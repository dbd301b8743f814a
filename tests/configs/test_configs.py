"""Properties of all configs: metafile, round trip, loops, start."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.utils import is_installed

from mixmae.apis import image_preparation
from mixmae.checkpoints.loading.config_allowlist import TEST_STEPS
from mixmae.registry import TRANSFORMS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts
)
FOLDERS = sorted({path.parent for path in CONFIGS})
# Folders of methods; the others are of tasks.
METHODS = ('mixmae', 'um_mae', 'simmim')
# ranks x batch size, and a duration in epochs or in thousands of iterations.
RUN = re.compile(r'_(\d+)xb(\d+)[_-](\d+)([ek])(?=_|$)')


def identity(path: Path) -> str:
    return str(path.relative_to(ROOT / 'configs'))


@functools.cache
def read(path: Path) -> Config:
    """Read a config once for all tests; it must not be changed."""
    if path.parent.name == 'detection' and not is_installed('mmdet'):
        pytest.skip('inherits from mmdet, which is in the full tier')
    return Config.fromfile(path)


@functools.cache
def metafile(path: Path) -> dict:
    return yaml.safe_load((path.parent / 'metafile.yml').read_text())


def row_of(path: Path) -> dict:
    rows = [
        row
        for row in metafile(path)['Models']
        if row['Config'] == f'configs/{identity(path)}'
    ]
    assert len(rows) == 1, f'{len(rows)} rows of {identity(path)}'
    return rows[0]


def header(path: Path) -> dict[str, str]:
    """Return the fields of a header, one per line."""
    lines = path.read_text().splitlines()
    text = '\n'.join(
        line for line in lines[: lines.index('') or None] if line[:1] == '#'
    )
    parts = re.split(r'^# (\w+): ', text, flags=re.MULTILINE)[1:]
    return {
        name: ' '.join(line.lstrip('# ') for line in value.splitlines())
        for name, value in zip(parts[::2], parts[1::2])
    }


every_config = pytest.mark.parametrize('path', CONFIGS, ids=identity)
every_folder = pytest.mark.parametrize('folder', FOLDERS, ids=identity)
# Derived from file names, so that no config is read here.
every_training = pytest.mark.parametrize(
    'path', [p for p in CONFIGS if '-knn_' not in p.name], ids=identity
)


@every_config
def test_row_in_metafile(path):
    row = row_of(path)
    assert row['Name'] == f'{path.parent.name}_{path.stem}'
    # A metafile and a header do not grade a figure differently.
    grade = row['Grade']
    expected = 'unknown' if grade == 'none' else f'[{grade}]'
    assert expected in header(path)['Expected']


@every_config
def test_link_in_readme(path):
    readme = (path.parent / 'README.md').read_text()
    assert f'[`{path.name}`]({path.name})' in readme


@every_folder
def test_metafile_is_consistent(folder):
    content = metafile(folder / 'any.py')
    collections = {item['Name'] for item in content['Collections']}
    for item in content['Collections']:
        assert item['README'] == f'configs/{folder.name}/README.md'
        assert (ROOT / item['README']).is_file()
    for row in content['Models']:
        assert (ROOT / row['Config']).is_file()
        assert row['In Collection'] in collections
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert f'configs/{folder.name}/metafile.yml' in index['Import']


def test_config_names_are_unique_for_mim():
    """`mim train mixmae NAME.py` refuses a name that is in two folders."""
    names = Counter(path.name for path in CONFIGS)
    assert [name for name, count in names.items() if count > 1] == []


@every_config
def test_round_trip(path, tmp_path):
    """A dumped config is read back unchanged."""
    config = read(path)
    config.dump(tmp_path / 'dumped.py')
    again = Config.fromfile(tmp_path / 'dumped.py')
    assert again.to_dict() == config.to_dict()


@every_config
def test_test_pipelines_are_allowed_in_checkpoints(path):
    """All steps of test pipelines are on the allowlist of checkpoints."""
    TRANSFORMS.import_from_location()
    for step in image_preparation.test_pipeline(read(path)):
        name = step['type'].rpartition('.')[2]
        elsewhere = name.startswith(('Load', 'Pack', 'Check'))
        assert (
            elsewhere or name in TEST_STEPS or name in TRANSFORMS.module_dict
        )


@every_config
def test_loops_are_complete(path):
    """MMEngine's runner needs loader, loop and evaluator together."""
    config = read(path)
    train = [
        config.get(key) is not None
        for key in ('train_dataloader', 'train_cfg', 'optim_wrapper')
    ]
    assert all(train) or not any(train)
    assert any(train) == ('-knn_' not in path.name)
    for split in ('val', 'test'):
        parts = [
            config.get(f'{split}_{part}') is not None
            for part in ('dataloader', 'cfg', 'evaluator')
        ]
        assert all(parts) or not any(parts + train)
    assert config.get('test_cfg') is not None


def length(config: Config) -> tuple[int, bool]:
    """Return the length of a training, and True if it is in epochs."""
    cfg = config.train_cfg
    assert ('max_epochs' in cfg) != ('max_iters' in cfg)
    by_epoch = 'max_epochs' in cfg
    return cfg['max_epochs' if by_epoch else 'max_iters'], by_epoch


@every_training
def test_the_last_weights_are_validated_and_saved(path):
    config = read(path)
    last, by_epoch = length(config)
    assert last % config.train_cfg.get('val_interval', 1) == 0
    hook = config.default_hooks.checkpoint
    assert hook.get('by_epoch', True) == by_epoch
    assert hook.get('save_last', True) or last % hook.interval == 0


@every_training
def test_the_schedule_ends_with_the_training(path):
    config = read(path)
    last, by_epoch = length(config)
    ends = [
        entry.end
        for entry in config.param_scheduler
        if entry.get('by_epoch', True) == by_epoch and 'end' in entry
    ]
    assert max(ends) == last


@every_training
def test_no_layer_rate_rises_to_a_common_floor(path):
    config = read(path)
    if 'LayerDecay' not in config.optim_wrapper.get('constructor', ''):
        return
    for entry in config.param_scheduler:
        assert not entry.get('eta_min'), 'use eta_min_ratio'


@every_training
def test_starting_checkpoints_are_written_by_a_config(path):
    """The checkpoint is the last one of a config with the same network."""
    config = read(path)
    backbone = config.model.get('backbone', {})
    init_cfg = backbone.get('init_cfg')
    if path.parent.name in METHODS or init_cfg is None:
        return
    assert init_cfg.type == 'Pretrained'
    assert init_cfg.checkpoint == config.pretrained
    found = re.fullmatch(
        r'work_dirs/(.+)/(?:epoch|iter)_(\d+)\.pth', config.pretrained
    )
    (source,) = [path for path in CONFIGS if path.stem == found[1]]
    source = read(source)
    assert int(found[2]) == length(source)[0]
    for setting in ('arch', 'patch_size', 'img_size'):
        # Not every backbone has them all.
        theirs = source.model.backbone.get(setting)
        assert backbone.get(setting) == theirs
    if RUN.search(path.stem):
        # The header tells how to set another file.
        key = 'model.backbone.init_cfg.checkpoint='
        assert key in header(path)['Command']


@pytest.mark.parametrize(
    'path', [p for p in CONFIGS if RUN.search(p.stem)], ids=identity
)
def test_the_name_describes_the_run(path):
    config = read(path)
    ranks, batch, duration, unit = RUN.search(path.stem).groups()
    last, by_epoch = length(config)
    assert config.train_dataloader.batch_size == int(batch)
    assert by_epoch == (unit == 'e')
    assert last == int(duration) * (1 if by_epoch else 1000)
    images = int(ranks) * int(batch)
    assert config.auto_scale_lr.base_batch_size == images
    accumulation = config.optim_wrapper.get('accumulative_counts', 1)
    sampler = config.train_dataloader.sampler
    if 'UpdateSampler' in sampler.type:
        assert {'batch_size', 'accumulative_counts'}.isdisjoint(sampler)
    else:
        assert accumulation == 1
    row = row_of(path)
    assert row['Metadata']['Batch Size'] == images * accumulation
