"""A run of two epochs that was killed in the second one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from tests.engine.tiny_run import ROOT, tiny_config

TRAIN = ROOT / 'tools/train.py'
LR = 'optim_wrapper.optimizer.lr'


def images(folder: Path, count: int = 19) -> Path:
    for number in range(count):
        path = folder / 'abc'[number % 3] / f'{number:03d}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (32, 32), (number, 0, 90)).save(path)
    return folder


def folder_config(folder: Path) -> dict:
    """Return a config of two epochs of a tiny MixMAE on image files."""
    config = tiny_config(folder / 'run')
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config['log_level'] = 'ERROR'
    config['train_cfg']['max_epochs'] = 2
    config['train_dataloader']['dataset'] = dict(
        type='UnlabeledImageFolder',
        data_root=str(folder / 'images'),
        listing_cache=False,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='PackImage'),
        ],
    )
    return config


def rates(run: Path, after: int = 0) -> list[float]:
    """Return learning rates of the last start, after an iteration.

    Two starts within a second write to one folder.
    """
    log = sorted(run.glob('*/vis_data/scalars.json'))[-1]
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows = [row for row in rows if 'lr' in row and row['step'] > after]
    return [row['lr'] for row in rows]


def changed_checkpoint(path: Path, change: Callable[[dict], object]) -> None:
    """Change the content of a checkpoint."""
    content = torch.load(path, weights_only=False)
    change(content)
    torch.save(content, path)
    path.with_name(path.name + '.sha256').unlink(missing_ok=True)
