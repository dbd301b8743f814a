"""Small models and batches for tests."""

from __future__ import annotations

import torch
from torch import nn

from mixmae.registry import MODELS
from mixmae.structures import CellMask

TINY = {
    'type': 'MIMSwin',
    'arch': {
        'embed_dims': 8,
        'depths': (1, 1, 2, 1),
        'num_heads': (1, 2, 2, 4),
    },
    'img_size': 64,
    'patch_size': 2,
    'window_sizes': (8, 8, 8, 4),
}
_PYRAMID = {
    'embed_dims': (8, 16, 24, 64),
    'depths': (1, 2, 3, 1),
    'num_heads': (1, 2, 2, 4),
    'mlp_ratios': (2, 2, 2, 2),
}
TINY_PVT = {
    'type': 'MIMPVT',
    'arch': _PYRAMID,
    'img_size': 64,
    'patch_size': 2,
}
TINY_TWINS = {
    'type': 'MIMTwins',
    'arch': _PYRAMID,
    'patch_size': 2,
    'window_size': 7,
}


def tiny_model(
    backbone: dict | None = None,
    neck: dict | None = None,
    head: dict | None = None,
    masking: dict | None = None,
    seed: int = 0,
    tiny: dict = TINY,
) -> nn.Module:
    """Return a MixMAE of a few thousand parameters, with random biases.

    Its backbone is ``tiny`` with the changes of ``backbone``.

    Biases and bias tables are not left at zero: errors could hide there.
    """
    torch.manual_seed(seed)
    model = MODELS.build(
        {
            'type': 'MaskedImageModel',
            'data_preprocessor': {
                'type': 'MaskingDataPreprocessor',
                'mean': [120.0, 115.0, 100.0],
                'std': [60.0, 55.0, 50.0],
                'masking': {
                    'type': 'RandomMasking',
                    'cell': 16,
                    **(masking or {}),
                },
            },
            'backbone': {**tiny, **(backbone or {})},
            'neck': {
                'type': 'MixMAENeck',
                'in_channels': 64,
                'cell': 16,
                'decoder': {'embed_dims': 32, 'depth': 1, 'num_heads': 4},
                **(neck or {}),
            },
            'head': {'type': 'DualReconstructionHead', **(head or {})},
        }
    )
    model.backbone.init_weights()
    model.neck.init_weights()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def random_images(
    batch: int = 3,
    height: int = 64,
    width: int = 64,
    seed: int = 1,
    channels: int = 3,
) -> torch.Tensor:
    """Return normalised float32 images."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, height, width, generator=generator)


def random_mask(
    height: int = 64,
    width: int = 64,
    batch: int | None = None,
    cell: int = 16,
    seed: int = 2,
) -> CellMask:
    """Hide half of the cells; one mask, or one per image with ``batch``."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = height // cell, width // cell
    noise = torch.rand(batch or 1, rows * columns, generator=generator)
    hidden = torch.zeros_like(noise, dtype=torch.bool)
    hidden.scatter_(1, noise.argsort(1)[:, : rows * columns // 2], True)
    return CellMask(hidden.view(-1, rows, columns), cell)
