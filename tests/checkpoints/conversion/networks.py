"""Tiny random networks of several code bases, and their checkpoints."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    read_source,
)
from mixmae.registry import MODELS

# A plain Swin: equal windows, shifted, no absolute positions. Grids of
# 64 to 8 tokens at 128 pixels, so that no stage lies within one window.
SWIN = dict(
    type='MIMSwin',
    arch=dict(embed_dims=8, depths=(1, 2, 3, 2), num_heads=(1, 2, 2, 4)),
    img_size=128,
    patch_size=2,
    window_sizes=(4, 4, 4, 4),
    shift=True,
    absolute_positions=False,
    mask_padding=False,
)
# A small MixMIM; its masking needs patches of 4.
MIXMIM = dict(
    type='MIMSwin',
    arch=dict(embed_dims=8, depths=(1, 2, 2, 1), num_heads=(1, 2, 2, 4)),
    img_size=64,
    patch_size=4,
    window_sizes=(4, 8, 4, 2),
)
NECK = dict(
    type='MixMAENeck',
    in_channels=64,
    decoder=dict(embed_dims=16, depth=2, num_heads=4),
)
PREPROCESSOR = dict(
    type='ClsDataPreprocessor',
    mean=[120.0, 115.0, 100.0],
    std=[60.0, 55.0, 50.0],
    to_rgb=True,
)
SWIN_MODEL = dict(
    backbone=SWIN, head=dict(type='x'), data_preprocessor=PREPROCESSOR
)
PRETRAINING = dict(backbone=MIXMIM, neck=NECK, data_preprocessor=PREPROCESSOR)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Set all parameters to random float64 values other than 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    module.eval()
    for parameter in module.parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data.add_(0.2 * noise.double())
    # mmdet's Swin returns nothing from eval().
    return module


def build(config: dict, state: dict[str, Tensor] | None = None) -> nn.Module:
    """Build a float64 module of any scope; load ``state`` strictly."""
    torch.manual_seed(0)
    module = MODELS.build(config)
    module.double()
    module.eval()
    if state is not None:
        module.load_state_dict(state, strict=True)
    return module


def images(size: int | tuple[int, int] = 128, batch: int = 2) -> Tensor:
    shape = (size, size) if isinstance(size, int) else size
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, *shape, generator=generator).double()


def file_of(
    path: Path, parts: dict[str, nn.Module], model: dict | None = None
) -> Path:
    """Write a checkpoint in the format of MMEngine's runner.

    Args:
        path: of the file.
        parts: name -> module, e.g. backbone and neck.
        model: the model's config, which the file then carries as text.
    """
    state = nn.ModuleDict(parts).state_dict()
    meta = {}
    if model is not None:
        meta['cfg'] = Config(dict(model=model)).pretty_text
    torch.save({'state_dict': state, 'meta': meta}, path)
    return path


def source_of(
    path: Path, parts: dict[str, nn.Module], model: dict | None = None
) -> Source:
    return read_source(file_of(path, parts, model))


def inside(conversion: Conversion, part: str) -> dict[str, Tensor]:
    """Return the tensors of one part of a converted model; checks all keys."""
    assert conversion.report.complete, conversion.report.lines()
    return {
        key.removeprefix(f'{part}.'): value
        for key, value in conversion.state.items()
        if key.startswith(f'{part}.')
    }


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Assert equal keys and bit-equal tensors."""
    return one.keys() == other.keys() and all(
        torch.equal(one[key], other[key]) for key in one
    )
