"""The models that ``methods.py`` compares: one network under three methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

import mixmae.models  # noqa: F401
from mixmae.config.failure_report import ConfigError
from mixmae.registry import MODELS

# 'swin-mini', for minutes on two cores.
MINI = {
    'embed_dims': 32,
    'depths': (1, 1, 4, 1),
    'num_heads': (2, 4, 8, 16),
}
ARCHS: dict[str, str | dict] = {
    't': 'tiny',
    's': 'small',
    'b': 'base',
    'l': 'large',
    'h': 'huge',
    'mini': MINI,
}


def networks(name: str, size: int) -> dict[str, dict]:
    """Return a network as MixMAE, UM-MAE and UM-MAE's SimMIM pretrain it.

    Args:
        name: 'swin-' with t, s, b, l, h or mini, or 'pvt-' with t, s, b or l.
        size: Side of the images in pixels.

    Raises:
        ConfigError: There is no such network.
    """
    family, _, letter = name.partition('-')
    known = {'swin': ARCHS, 'pvt': 'tsbl'}
    if letter not in known.get(family, ()):
        raise ConfigError(
            f'--backbone {name}: choose swin- or pvt- with t, s, b or l, '
            f'swin-h or swin-mini'
        )
    arch: dict = {'arch': ARCHS[letter], 'img_size': size}
    if family == 'pvt':
        plain = {'type': 'MIMPVT', **arch}
        theirs = {**plain, 'reduction': 'pool', 'patch_norm': False}
        compact = {**theirs, 'sr_ratios': (4, 2, 1, 1)}
        return {'mixmae': plain, 'um-mae': compact, 'simmim': theirs}
    windows = window_sizes(size)
    plain = {'type': 'MIMSwin', **arch, 'window_sizes': windows}
    theirs = {
        **plain,
        'position_bias': 'log_coordinates',
        'bias_dims': 64 if letter == 'l' else 32,
        'merging': 'conv',
        'shift': True,
        'absolute_positions': False,
        'norm_eps': 1e-6,
    }
    compact = {**theirs, 'window_sizes': [size // 32] * 3 + [size // 64]}
    return {'mixmae': plain, 'um-mae': compact, 'simmim': theirs}


def window_sizes(size: int) -> list[int]:
    """Return windows of a quarter of the side, the whole in stages 3 and 4."""
    return [size // 16] * 3 + [size // 32]


def decoder_of(method: str, backbone: str) -> dict[str, int]:
    """Return the decoder of a method with a network."""
    if backbone == 'swin-mini':
        return dict(embed_dims=64, depth=2, num_heads=4)
    deep = method == 'mixmae' or backbone in ('swin-l', 'swin-h')
    return dict(embed_dims=512, depth=8 if deep else 2, num_heads=16)


def build(settings: Mapping[str, Any]) -> nn.Module:
    """Return a model of ours with its initial weights.

    Args:
        settings: ``method``, ``backbone``, ``img_size`` as for
            ``model_config``; optional ``changes`` to the config of the
            backbone, and ``decoder_changes`` to that of the decoder.
    """
    config = model_config(
        settings['method'], settings['backbone'], settings['img_size']
    )
    config['backbone'].update(settings.get('changes', {}))
    if 'decoder' in config['neck']:
        config['neck']['decoder'].update(settings.get('decoder_changes', {}))
    model = MODELS.build(config)
    model.init_weights()
    return model


def model_config(method: str, backbone: str, size: int) -> dict:
    """Return the config of the complete pretraining model of a method."""
    network = networks(backbone, size)[method]
    with torch.device('meta'):
        dims = MODELS.build(network).num_features
    decoder: dict = decoder_of(method, backbone)
    head: dict = dict(type='MaskedReconstructionHead')
    if method == 'mixmae':
        masking = dict(type='RandomMasking', ratio=0.5, cell=32)
        neck: dict = dict(type='MixMAENeck', decoder=decoder)
        head = dict(type='DualReconstructionHead')
    elif method == 'um-mae':
        masking = dict(type='UniformMasking', cell=16, secondary_ratio=0.25)
        neck = dict(
            type='UMMAENeck',
            decoder=dict(**decoder, norm_eps=1e-6),
            token_channels=dims[0],
        )
    else:
        masking = dict(type='RandomMasking', ratio=0.75, cell=16, shared=False)
        neck = dict(type='SimMIMNeck', token_channels=dims[0], cell=16)
        head.update(norm_pixels=False, loss='l1')
    return dict(
        type='MaskedImageModel',
        data_preprocessor=dict(
            type='MaskingDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            masking=masking,
        ),
        backbone=network,
        neck=dict(**neck, in_channels=dims[-1]),
        head=head,
    )
