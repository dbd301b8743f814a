"""A config with a test pipeline, a checkpoint of it, and image files."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from PIL import Image

from mixmae.registry import MODELS
from tests.engine.tiny_run import MODEL

PIPELINE = [
    dict(type='LoadImage'),
    dict(type='mmpretrain.ResizeEdge', scale=32, edge='short'),
    dict(type='mmpretrain.CenterCrop', crop_size=32),
    dict(type='mmpretrain.PackInputs', meta_keys=('sample_idx', 'img_path')),
]


def tiny_config(**changes: object) -> Config:
    """Return a pretraining config for 32 pixels with cells of 8."""
    model = copy.deepcopy(MODEL)
    model['data_preprocessor']['mean'] = [120.0, 110.0, 90.0]
    config = dict(
        default_scope='mixmae',
        model=model,
        test_dataloader=dict(
            dataset=dict(type='UnlabeledImageFolder', pipeline=PIPELINE)
        ),
    )
    return Config({**config, **changes})


def tiny_checkpoint(path: Path, cfg: Config | None = None) -> Path:
    """Write random weights, biases included, with the config as text."""
    cfg = cfg or tiny_config()
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    meta = dict(cfg=cfg.pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a smooth random RGB image, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (3, 4, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def photo_folder(
    folder: Path, sizes: tuple[tuple[int, int], ...] = ((40, 48),) * 3
) -> list[Path]:
    """Write photos 0, 1, ... as PNG files, some of them in a subfolder."""
    paths = []
    for i, size in enumerate(sizes):
        path = folder / ('b' if i % 2 else 'a') / f'photo_{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(*size, seed=i)).save(path)
        paths.append(path)
    return sorted(paths)
