"""Tiny models of every backbone under every method.

Backbones have a stride of 32 pixels (the ViT of 16) and 64 channels at the
end (16); images of 128 pixels give each stage more than one token.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from mixmae.registry import MODELS
from mixmae.structures import CellMask
from tests.models.parts import random_images

_SWIN = {
    'type': 'MIMSwin',
    'arch': {
        'embed_dims': 8,
        'depths': (1, 1, 2, 2),
        'num_heads': (1, 2, 2, 4),
    },
    'img_size': 128,
    'window_sizes': (8, 8, 8, 4),
}
BACKBONES: dict[str, dict] = {
    # MixMAE's, SimMIM's and UM-MAE's.
    'swin': _SWIN,
    'plain-swin': {
        **_SWIN,
        'window_sizes': (4, 4, 4, 4),
        'shift': True,
        'absolute_positions': False,
    },
    'vit': {
        'type': 'MIMViT',
        'arch': {
            'embed_dims': 16,
            'num_layers': 2,
            'num_heads': 2,
            'feedforward_channels': 32,
        },
        'img_size': 128,
    },
}
# Channels of the tokens, channels of the latent, total stride.
_SHAPES = {'vit': (16, 16, 16)}
_DECODER = {'embed_dims': 16, 'depth': 1, 'num_heads': 2}


def method(name: str, backbone: str) -> dict:
    """Masking, neck and head of a method, to go with a backbone."""
    tokens, channels, stride = _SHAPES.get(backbone, (8, 64, 32))
    if name == 'mixmae':
        masking = {'type': 'RandomMasking', 'cell': stride}
        neck = {'type': 'MixMAENeck', 'decoder': _DECODER, 'cell': stride}
        head = {'type': 'DualReconstructionHead'}
    elif name.startswith('simmim'):
        # SimMIM's own cells, or the small ones of UM-MAE's variant.
        small = name == 'simmim-16'
        cell, ratio = (16, 0.75) if small else (stride, 0.6)
        masking = {
            'type': 'RandomMasking',
            'cell': cell,
            'ratio': ratio,
            'shared': False,
            'rounding': 'ceil',
        }
        neck = {
            'type': 'SimMIMNeck',
            'token_channels': tokens,
            'cell': cell,
            'stride': stride,
        }
        head = {
            'type': 'MaskedReconstructionHead',
            'norm_pixels': False,
            'loss': 'l1',
        }
    else:
        raise ValueError(name)
    return {
        'masking': masking,
        'neck': {**neck, 'in_channels': channels},
        'head': head,
    }


def pair_model(backbone: str, method_name: str, **changes: dict) -> nn.Module:
    """A model with random weights everywhere, biases and tokens included.

    Args:
        changes: of the configs of ``backbone``, ``masking``, ``neck`` and
            ``head``.
    """
    parts = copy.deepcopy(
        {'backbone': BACKBONES[backbone], **method(method_name, backbone)}
    )
    for part, change in changes.items():
        parts[part].update(change)
    torch.manual_seed(0)
    model = MODELS.build(
        {
            'type': 'MaskedImageModel',
            'data_preprocessor': {
                'type': 'MaskingDataPreprocessor',
                'mean': [120.0, 115.0, 100.0],
                'std': [60.0, 55.0, 50.0],
                'masking': parts.pop('masking'),
            },
            **parts,
        }
    )
    model.backbone.init_weights()
    model.neck.init_weights()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def pair_batch(
    model: nn.Module, size: tuple[int, int] = (128, 128), images: int = 3
) -> tuple[Tensor, CellMask]:
    """Images, and the mask that the model's own masking draws for them."""
    masking = model.data_preprocessor.masking
    mask = masking(images, *size, torch.Generator().manual_seed(2))
    return random_images(images, *size), mask
