"""Tiny models of every backbone under every method.

Backbones have a stride of 32 pixels (the ViT of 16) and 64 channels at the
end (16); images of 128 pixels give each stage more than one token, also
where only a quarter of the image is encoded.
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
_PLAIN_SWIN = {
    **_SWIN,
    'window_sizes': (4, 4, 4, 4),
    'shift': True,
    'absolute_positions': False,
}
_PYRAMID = {
    'embed_dims': (8, 16, 24, 64),
    'depths': (1, 2, 2, 1),
    'num_heads': (1, 2, 2, 4),
    'mlp_ratios': (2, 2, 2, 2),
}
_PVT = {'type': 'MIMPVT', 'arch': _PYRAMID, 'img_size': 128}
_TWINS = {'type': 'MIMTwins', 'arch': _PYRAMID}
BACKBONES: dict[str, dict] = {
    # MixMAE's, SimMIM's and UM-MAE's.
    'swin': _SWIN,
    'plain-swin': _PLAIN_SWIN,
    'log-swin': {
        **_PLAIN_SWIN,
        'position_bias': 'log_coordinates',
        'bias_dims': 4,
        'merging': 'conv',
    },
    # As published, and UM-MAE's.
    'pvt': _PVT,
    'pool-pvt': {
        **_PVT,
        'reduction': 'pool',
        'patch_norm': False,
        'sr_ratios': (4, 2, 1, 1),
    },
    'svt': {**_TWINS, 'window_size': 5},
    'pcpvt': {**_TWINS, 'window_size': None},
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
# SimMIM with its own cells, and with the small ones of UM-MAE's variant.
METHODS = ('mixmae', 'um-mae', 'simmim', 'simmim-16')
# Channels of the tokens and of the latent, total stride.
_SHAPES = {'vit': (16, 16, 16)}
_DECODER = {'embed_dims': 16, 'depth': 1, 'num_heads': 2}


def method(name: str, backbone: str) -> dict[str, dict]:
    """Return masking, neck and head of a method for a backbone."""
    tokens, channels, stride = _SHAPES.get(backbone, (8, 64, 32))
    if name == 'mixmae':
        return {
            'masking': {'type': 'RandomMasking', 'cell': stride},
            'neck': {
                'type': 'MixMAENeck',
                'in_channels': channels,
                'decoder': _DECODER,
                'cell': stride,
            },
            'head': {'type': 'DualReconstructionHead'},
        }
    if name == 'um-mae':
        return {
            'masking': {'type': 'UniformMasking', 'multiple': 2 * stride},
            'neck': {
                'type': 'UMMAENeck',
                'in_channels': channels,
                'decoder': _DECODER,
                'token_channels': tokens,
                'factor': stride // 16,
            },
            'head': {'type': 'MaskedReconstructionHead'},
        }
    cell, ratio = (32, 0.6) if name == 'simmim' else (16, 0.75)
    return {
        'masking': {
            'type': 'RandomMasking',
            'cell': cell,
            'ratio': ratio,
            'shared': False,
            'rounding': 'ceil',
        },
        'neck': {
            'type': 'SimMIMNeck',
            'in_channels': channels,
            'token_channels': tokens,
            'cell': cell,
            'stride': stride,
        },
        'head': {
            'type': 'MaskedReconstructionHead',
            'norm_pixels': False,
            'loss': 'l1',
        },
    }


def pair_config(
    backbone: str, method_name: str, /, **changes: dict
) -> dict[str, dict]:
    """Return the config of a whole model.

    Args:
        changes: of the configs of ``backbone``, ``masking``, ``neck``,
            ``head`` and ``preprocessor``.
    """
    parts = copy.deepcopy(
        {'backbone': BACKBONES[backbone], **method(method_name, backbone)}
    )
    preprocessor = {
        'type': 'MaskingDataPreprocessor',
        'mean': [120.0, 115.0, 100.0],
        'std': [60.0, 55.0, 50.0],
        **changes.pop('preprocessor', {}),
    }
    for part, change in changes.items():
        parts[part].update(change)
    return {
        'type': 'MaskedImageModel',
        'data_preprocessor': {
            **preprocessor,
            'masking': parts.pop('masking'),
        },
        **parts,
    }


def pair_model(
    backbone: str, method_name: str, /, **changes: dict
) -> nn.Module:
    """Return a model with random weights, including biases and tokens.

    Args:
        changes: see ``pair_config``.
    """
    torch.manual_seed(0)
    model = MODELS.build(pair_config(backbone, method_name, **changes))
    model.backbone.init_weights()
    model.neck.init_weights()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def pair_batch(
    model: nn.Module, size: tuple[int, int] = (128, 128), images: int = 3
) -> tuple[Tensor, CellMask]:
    """Return images and a mask drawn by the model's own masking."""
    masking = model.data_preprocessor.masking
    mask = masking(images, *size, torch.Generator().manual_seed(2))
    channels = model.backbone.in_channels
    return random_images(images, *size, channels=channels), mask
