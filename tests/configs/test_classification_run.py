"""Pretraining, fine-tuning and testing by the tools, on tiny scenes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mixmae.datasets.scenes.scene_set import SceneSet
from tests.configs.test_configs import read
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool

TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'
FOLDER = ROOT / 'configs' / 'classification'
ARCH = dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
NETWORK = {
    **{f'model.backbone.arch.{key}': value for key, value in ARCH.items()},
    'model.backbone.img_size': 64,
}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
ALONE = {'num_workers': 0, 'persistent_workers': False}


def options(values: dict) -> list[str]:
    texts = (
        f'{key}={str(value).replace(" ", "")}' for key, value in values.items()
    )
    return ['--cfg-options', *texts]


def loaders(data: Path, names: tuple[str, ...] = LOADERS[:2]) -> dict:
    found: dict = {}
    for name in names:
        found[f'{name}.dataset.data_root'] = data / 'imagenet'
        found.update({f'{name}.{k}': v for k, v in ALONE.items()})
    return found


def training(config: Path, data: Path, epochs: int) -> dict:
    """Options of a training: batches of 8, crops of 64 pixels."""
    pipeline = read(config).train_dataloader.dataset.pipeline
    (crop,) = (i for i, step in enumerate(pipeline) if 'Crop' in step['type'])
    return {
        **loaders(data),
        'train_dataloader.batch_size': 8,
        'train_dataloader.sampler.batch_size': 8,
        f'train_dataloader.dataset.pipeline.{crop}.scale': 64,
        'train_cfg.max_epochs': epochs,
        'train_cfg.val_interval': epochs,
        'default_hooks.checkpoint.interval': epochs,
        'default_hooks.logger.interval': 1,
        'log_level': 'ERROR',
    }


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    """Write 40 training and 20 test scenes of ten classes."""
    folder = tmp_path_factory.mktemp('scenes') / 'scenes-64'
    SceneSet(size=64, train=40, val=20, formats=('imagenet',)).write(folder)
    return folder


@pytest.fixture(scope='module')
def pretrained(data, tmp_path_factory) -> Path:
    """Return the checkpoint of one epoch of a pretraining config."""
    work_dir = tmp_path_factory.mktemp('pretraining')
    config = ROOT / 'configs' / 'mixmae' / 'swin-mini_scenes-128.py'
    values = {
        **NETWORK,
        **training(config, data, 1),
        'model.neck.in_channels': 64,
        'model.neck.decoder.embed_dims': 16,
        'model.neck.decoder.depth': 1,
        'experiment_name': work_dir.name,
    }
    with pytest.MonkeyPatch.context() as patch:
        call_tool(
            patch,
            TRAIN,
            config,
            '--work-dir',
            work_dir,
            *options(values),
        )
    return work_dir / 'epoch_1.pth'


def fine_tuned(
    monkeypatch, name: str, data: Path, pretrained: Path, work_dir: Path
) -> tuple[Path, dict]:
    """Return a trained classifier and the options to test it."""
    values = {
        **NETWORK,
        **training(FOLDER / f'{name}.py', data, 2),
        'model.head.in_channels': 64,
        'model.backbone.init_cfg.checkpoint': pretrained,
        'train_dataloader.dataset.indices': 40,
        'experiment_name': work_dir.name,
    }
    if 'linear' in name:
        values['model.neck.1.input_features'] = 64
    call_tool(
        monkeypatch,
        TRAIN,
        FOLDER / f'{name}.py',
        '--work-dir',
        work_dir,
        *options(values),
    )
    return work_dir / 'epoch_2.pth', values


def measured(monkeypatch, name, checkpoint, values, out, *more) -> dict:
    # Only training settings that a test reads; its data are val's.
    values = {
        key.replace('val_dataloader', 'test_dataloader'): value
        for key, value in values.items()
        if not key.startswith(('train_', 'val_dataloader.batch'))
    } | {'experiment_name': f'test-{out.parent.name}'}
    call_tool(
        monkeypatch,
        TEST,
        FOLDER / f'{name}.py',
        checkpoint,
        '--work-dir',
        out.parent,
        '--out',
        out,
        *more,
        *options(values),
    )
    return json.loads(out.read_text())


def weights(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path, weights_only=False)['state_dict']
    return {k: v for k, v in state.items() if k.startswith('backbone.')}


def test_fine_tunes_and_tests(monkeypatch, tmp_path, capsys, data, pretrained):
    name = 'swin-mini-finetune_scenes-128'
    checkpoint, values = fine_tuned(
        monkeypatch, name, data, pretrained, tmp_path / 'run'
    )
    (path,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    validated = [row for row in rows if 'accuracy/top1' in row][-1]
    losses = [row['loss'] for row in rows if 'loss' in row]
    # Two epochs of five updates, from a head near zero.
    assert len(losses) == 10
    assert losses[0] == pytest.approx(np.log(10), abs=0.01)
    first, last = weights(pretrained), weights(checkpoint)
    assert first.keys() == last.keys()
    assert not torch.equal(
        first['backbone.patch_embed.proj.weight'],
        last['backbone.patch_embed.proj.weight'],
    )
    figures = measured(
        monkeypatch, name, checkpoint, values, tmp_path / 'test' / 'out.json'
    )
    assert '"accuracy/top1"' in capsys.readouterr().out
    for key in ('accuracy/top1', 'accuracy/top5'):
        assert figures[key] == pytest.approx(validated[key])
        assert 0 <= figures[key] <= 100


def test_linear_probe_keeps_the_backbone(
    monkeypatch, tmp_path, data, pretrained
):
    checkpoint, _ = fine_tuned(
        monkeypatch,
        'swin-mini-linear_scenes-128',
        data,
        pretrained,
        tmp_path / 'linear',
    )
    first, last = weights(pretrained), weights(checkpoint)
    assert all(torch.equal(first[key], last[key]) for key in first)


def test_knn_of_a_pretraining_checkpoint(
    monkeypatch, tmp_path, capsys, data, pretrained
):
    neighbours = 'test_cfg.train_dataloader'
    values = {
        **NETWORK,
        'model.neck.in_channels': 64,
        'model.neck.decoder.embed_dims': 16,
        'model.neck.decoder.depth': 1,
        **loaders(data, ('test_dataloader', neighbours)),
        'test_cfg.k': 3,
        'log_level': 'ERROR',
    }
    figures = measured(
        monkeypatch,
        'swin-mini-knn_scenes-128',
        pretrained,
        values,
        tmp_path / 'knn' / 'out.json',
    )
    assert '"knn/top1"' in capsys.readouterr().out
    assert 0 <= figures['knn/top1'] <= figures['knn/top5'] <= 100
    # A classifier's checkpoint also has the backbone for kNN.
    state = weights(pretrained)
    classifier = tmp_path / 'classifier.pth'
    torch.save(
        {'state_dict': state | {'head.fc.bias': torch.ones(2)}}, classifier
    )
    again = measured(
        monkeypatch,
        'swin-mini-knn_scenes-128',
        classifier,
        values,
        tmp_path / 'knn' / 'out.json',
    )
    assert again['knn/top1'] == figures['knn/top1']
    with pytest.raises(SystemExit):
        measured(
            monkeypatch,
            'swin-mini-knn_scenes-128',
            pretrained,
            values,
            tmp_path / 'knn' / 'out.json',
            '--show-dir=shown',
        )
    assert 'error: there is nothing to draw' in capsys.readouterr().err


def test_the_main_recipe_runs(tmp_path):
    """All augmentations, mixup and cutmix, mixed precision, layer decay."""
    generator = np.random.default_rng(0)
    for split, count in (('train', 5), ('val', 2)):
        lines = []
        for i in range(count):
            path = tmp_path / split / f'{i}.JPEG'
            path.parent.mkdir(exist_ok=True)
            pixels = generator.integers(0, 256, (60, 80, 3), np.uint8)
            Image.fromarray(pixels).save(path)
            lines.append(f'{path.name} {100 * i}')
        (tmp_path / 'meta').mkdir(exist_ok=True)
        lists = tmp_path / 'meta' / f'{split}.txt'
        lists.write_text('\n'.join(lines) + '\n')
    config = Config.fromfile(FOLDER / 'swin-b_8xb128-100e_in1k-224.py')
    values = {
        'work_dir': str(tmp_path / 'run'),
        'experiment_name': tmp_path.name,
        'model.backbone.init_cfg': None,
        'model.backbone.arch': dict(_delete_=True, **ARCH),
        'model.head.in_channels': 64,
        'train_dataloader.sampler.batch_size': 2,
        'train_cfg.max_epochs': 1,
        'train_cfg.val_interval': 1,
        'default_hooks.checkpoint.interval': 1,
        'optim_wrapper.dtype': 'bfloat16',
        'log_level': 'ERROR',
    }
    for name in LOADERS:
        values[f'{name}.dataset.data_root'] = str(tmp_path)
        values[f'{name}.batch_size'] = 2
        values.update({f'{name}.{k}': v for k, v in ALONE.items()})
    config.merge_from_dict(values)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2
    assert len(runner.optim_wrapper.optimizer.param_groups) == 12
    loss = runner.message_hub.get_scalar('train/loss').mean()
    assert loss == pytest.approx(np.log(1000), abs=0.1)
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
