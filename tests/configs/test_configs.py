"""Every config: its header, its row in the metafile, and that it builds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config

from mixmae.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts
)
FIELDS = ['Paper', 'Command', 'Cost', 'Expected', 'Status', 'Deviations']
GRADES = ('[reproduced here]', '[converted]', '[official number]', 'unknown')


def identity(path: Path) -> str:
    return str(path.relative_to(ROOT / 'configs'))


def metafile(path: Path) -> dict:
    return yaml.safe_load((path.parent / 'metafile.yml').read_text())


every_config = pytest.mark.parametrize('path', CONFIGS, ids=identity)
pretraining = pytest.mark.parametrize(
    'path', [p for p in CONFIGS if p.parent.name == 'mixmae'], ids=identity
)


@every_config
def test_header(path):
    lines = path.read_text().splitlines()
    header = [
        line for line in lines[: lines.index('') or None] if line[:1] == '#'
    ]
    found = re.findall(r'^# (\w+): ', '\n'.join(header), re.MULTILINE)
    assert found == FIELDS
    text = ' '.join(line.lstrip('# ') for line in header)
    expected = re.search(r'Expected: (.*) Status:', text)[1]
    assert any(grade in expected for grade in GRADES)
    assert identity(path) in text.replace('configs/', '')


@every_config
def test_row_in_metafile(path):
    rows = metafile(path)['Models']
    (row,) = [
        row for row in rows if row['Config'] == f'configs/{identity(path)}'
    ]
    assert row['Name'] == f'{path.parent.name}_{path.stem}'


def test_metafile_names_no_config_that_is_not_there():
    for folder in {path.parent for path in CONFIGS}:
        for row in metafile(folder / 'any.py')['Models']:
            assert (ROOT / row['Config']).is_file()


@every_config
def test_round_trip(path, tmp_path):
    """What is dumped beside a run reads back as the same config."""
    config = Config.fromfile(path)
    config.dump(tmp_path / 'dumped.py')
    again = Config.fromfile(tmp_path / 'dumped.py')
    assert again.to_dict() == config.to_dict()


@pretraining
def test_builds_and_counts(path):
    config = Config.fromfile(path)
    before = config.to_dict()
    with torch.device('meta'):
        parts = {k: dict(config.model[k]) for k in ('backbone', 'neck')}
        model = {k: MODELS.build(part) for k, part in parts.items()}
    count = sum(
        parameter.numel()
        for part in model.values()
        for parameter in part.parameters()
    )
    (row,) = [
        row
        for row in metafile(path)['Models']
        if row['Config'].endswith(path.name)
    ]
    assert count == row['Metadata']['Parameters']
    assert config.to_dict() == before


@pretraining
def test_parts_agree(path):
    """Sizes of the pipeline, the model and the sampler fit each other."""
    config = Config.fromfile(path)
    model = config.model
    stages = len(model.backbone.window_sizes)
    stride = model.backbone.patch_size << (stages - 1)
    assert model.neck.cell == stride
    assert model.data_preprocessor.masking.cell == stride
    assert model.backbone.img_size % stride == 0
    crops = [
        step.scale
        for step in config.train_dataloader.dataset.pipeline
        if step.type.endswith('RandomResizedCrop')
    ]
    assert crops == [model.backbone.img_size]
    sampler = config.train_dataloader.sampler
    wrapper = config.optim_wrapper
    accumulation = wrapper.get('accumulative_counts', 1)
    assert sampler.batch_size == config.train_dataloader.batch_size
    assert sampler.get('accumulative_counts', 1) == accumulation


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if re.search(r'_\d+xb\d+_\d+e$', p.stem)],
    ids=identity,
)
def test_the_name_tells_the_run(path):
    config = Config.fromfile(path)
    ranks, batch, epochs = map(
        int, re.search(r'_(\d+)xb(\d+)_(\d+)e$', path.stem).groups()
    )
    assert config.train_dataloader.batch_size == batch
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr.base_batch_size == ranks * batch
    if path.parent.name == 'mixmae':
        accumulation = config.optim_wrapper.accumulative_counts
        assert ranks * batch * accumulation == 2048
        assert config.optim_wrapper.optimizer.lr == pytest.approx(1.2e-3)


def test_the_600_epoch_runs_are_the_same_run():
    """8 GPUs and 16: updates an epoch and masks an update are official."""
    for ranks in (8, 16):
        path = ROOT / f'configs/mixmae/swin-b_{ranks}xb128_600e.py'
        config = Config.fromfile(path)
        accumulation = config.optim_wrapper.accumulative_counts
        update = ranks * config.train_dataloader.batch_size * accumulation
        assert 1_281_167 // update == 625
        assert ranks * accumulation == 16


@every_config
def test_loops_are_complete(path):
    """MMEngine's runner wants loader, loop and evaluator together."""
    config = Config.fromfile(path)
    loop = config.train_cfg
    length = loop.get('max_epochs') or loop.max_iters
    assert length % loop.val_interval == 0
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            assert config.get(f'{split}_{part}') is not None
