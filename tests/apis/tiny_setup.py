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
    """Of a pretraining on 32 pixels, cells of 8; channels differ in mean."""
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
    """Random weights, biases too, with the config as MMEngine keeps it."""
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
    """A smooth random RGB picture, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (3, 4, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def photo_folder(
    folder: Path, sizes: tuple[tuple[int, int], ...] = ((40, 48),) * 3
) -> list[Path]:
    """PNG files of photos 0, 1, ..., some of them a folder deeper."""
    paths = []
    for i, size in enumerate(sizes):
        path = folder / ('b' if i % 2 else 'a') / f'photo_{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(*size, seed=i)).save(path)
        paths.append(path)
    return sorted(paths)
