"""Conversion of mmpretrain's MixMIM, both ways.

``MixMIMTransformer`` merges patches at the end of a stage, in the order of
mmcv's unfold, and saves its frozen positions with its weights. A model
pretrained with mmpretrain has x and y of its positions swapped (see
``tensor_layout``); the official weights that mmpretrain distributes do
not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    refuse_ours,
)
from mixmae.checkpoints.conversion.mixmim import mixmim_conversion
from mixmae.checkpoints.conversion.network import (
    backbone_prefix,
    own_parts,
    without_inner_norms,
)
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    count_numbered,
    refuse,
    size_objections,
)
from mixmae.checkpoints.conversion.tensor_layout import (
    crop_tables,
    from_unfold_order,
    to_unfold_order,
)
from mixmae.checkpoints.loading.key_map import KeyMap, prefixed
from mixmae.models.layers.absolute_positions import (
    SinCosPositions,
    grid_coords,
    sincos_embedding,
)
from mixmae.models.layers.position_bias import offset_index

_POSITIONS = 'backbone.absolute_pos_embed'
_DECODER_POSITIONS = 'neck.decoder_pos_embed'
# Fixed in MixMIMPretrainTransformer.
_THEIR_STRIDE = 32

_BLOCK = [
    ('ln1.{p}', 'norm1.{p}'),
    ('ln2.{p}', 'norm2.{p}'),
    ('attn.relative_position_bias_table', 'attn.position_bias.table'),
    ('attn.{m}.{p}', 'attn.{m}.{p}'),
    ('ffn.layers.0.0.{p}', 'mlp.fc1.{p}'),
    ('ffn.layers.1.{p}', 'mlp.fc2.{p}'),
]
_BACKBONE = [
    ('patch_embed.projection.{p}', 'patch_embed.proj.{p}'),
    ('patch_embed.norm.{p}', 'patch_embed.norm.{p}'),
    *prefixed(_BLOCK, 'layers.{i}.blocks.{j}.', 'stages.{i}.blocks.{j}.'),
    ('layers.{i}.downsample.{m}.{p}', 'stages.{i+1}.downsample.{m}.{p}'),
]
_NECK = [
    ('decoder_embed.{p}', 'embed.{p}'),
    ('mask_token', 'mask_token'),
    *prefixed(_BLOCK, 'decoder_blocks.{i}.', 'decoder.blocks.{i}.'),
    ('ln1.{p}', 'decoder.norm.{p}'),
    ('decoder_pred.{p}', 'decoder.predict.{p}'),
]
_DROPS = [
    (r'.*\.relative_position_index', 'index, recomputed'),
    (
        r'(backbone\.)?absolute_pos_embed|neck\.decoder_pos_embed',
        'frozen sine-cosine table, recomputed',
    ),
]


def from_mmpretrain(
    source: Source, window_sizes: Sequence[int] | None = None
) -> Conversion:
    """Convert mmpretrain's MixMIM, pretrained or fine-tuned.

    Args:
        source: The checkpoint.
        window_sizes: Sides of the windows to resize bias tables to, or None.

    Raises:
        ValueError: The file is not such a checkpoint.
    """
    refuse_ours(source)
    theirs = backbone_prefix(source.state)
    last = max(0, count_numbered(source.state, f'{theirs}layers.') - 1)
    state, report = _map(last, theirs).to_ours(source.state)
    for key, value in state.items():
        if '.downsample.' in key:
            state[key] = from_unfold_order(value)
    neck = dict(source.model.get('neck') or {})
    decoder = dict(
        num_heads=neck.get('decoder_num_heads', 16),
        norm_eps=(neck.get('norm_cfg') or {}).get('eps', 1e-6),
    )
    if not neck and 'neck.mask_token' in state:
        report.notes.append(
            f"the decoder is assumed to have mmpretrain's default of "
            f'{decoder["num_heads"]} heads and norm_eps '
            f'{decoder["norm_eps"]}, which cannot be inferred '
            f'from tensors'
        )
    preprocessing = source.recorded_preprocessing()
    return mixmim_conversion(
        source, state, report, window_sizes, decoder, preprocessing
    )


def to_mmpretrain(
    source: Source, img_size: int | None = None, backbone_only: bool = False
) -> Conversion:
    """Convert to mmpretrain's MixMIM: classifier, backbone or pretraining.

    Positions and index buffers are created. MixMIM's windows, and with them
    the bias tables, are never larger than the grid: larger tables are cropped
    to their centre, which is what MIMSwin indexes there.

    Args:
        source: The mixmae checkpoint.
        img_size: Side of its images in pixels; None = that of the network.
        backbone_only: Omit decoder and classifier.

    Raises:
        ValueError: The network's config is unknown, or MixMIM cannot represent
            the network.
    """
    neck = None
    recorded = source.model.get('neck') or {}
    has_neck = any(key.startswith('neck.') for key in source.state)
    has_neck = has_neck and not backbone_only
    if has_neck and str(recorded.get('type')).endswith('MixMAENeck'):
        neck = source.part('neck')
        if not neck.get('masked_attention', True):
            raise ValueError(
                "mmpretrain's MixMIM always masks attention; this network was "
                'pretrained without masked attention (masked_attention=False)'
            )
    parts = {'neck'} if neck else {'head'}
    parts = set() if backbone_only else parts
    state, settings, report = own_parts(source, parts)
    target = settings.at(img_size)
    if neck and settings.patch_size << 3 != _THEIR_STRIDE:
        raise ValueError(
            f"mmpretrain's MixMIM is pretrained in cells of {_THEIR_STRIDE} "
            f'pixels, this network in {settings.patch_size << 3}; use '
            '--backbone-only to convert its backbone only'
        )
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    refuse("mmpretrain's MixMIMTransformer", _objections(target))
    last = len(target.depths) - 1
    kept, unused = without_inner_norms(state, last)
    renamed, mapped = _map(last).to_theirs(kept)
    left = 'norm of an output that MixMIM lacks'
    mapped.dropped = {**dict.fromkeys(unused, left), **report.dropped}
    for key, value in renamed.items():
        if '.downsample.' in key:
            renamed[key] = to_unfold_order(value)
    for key, window in crop_tables(renamed, target, mapped).items():
        name = key.replace('bias_table', 'index')
        renamed[name] = offset_index(window)
        mapped.made[name] = 'index of the bias table'
    tables = {_POSITIONS: _positions(settings, target.grids[0])}
    if neck is not None:
        coords = grid_coords(*target.grids[-1])
        dims = state['neck.embed.weight'].size(0)
        tables[_DECODER_POSITIONS] = sincos_embedding(coords, dims)
    for key, positions in tables.items():
        renamed[key] = positions.flatten(0, 1)[None]
        mapped.made[key] = 'frozen positions'
    mapped.notes.append(
        f'equal to MIMSwin at image size {target.img_size}, the only size '
        'that MixMIMTransformer takes; it returns one pooled vector'
    )
    return Conversion(renamed, mapped, _config(target, neck), source.path)


def _config(
    settings: SwinSettings, neck: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the configs of backbone and decoder, if any, in mmpretrain."""
    kind = 'MixMIMTransformer' if neck is None else 'MixMIMPretrainTransformer'
    config: dict[str, Any] = dict(
        backbone=dict(
            type=f'mmpretrain.{kind}',
            arch=dict(
                embed_dims=settings.embed_dims,
                depths=list(settings.depths),
                num_heads=list(settings.num_heads),
            ),
            img_size=settings.img_size,
            patch_size=settings.patch_size,
            in_channels=settings.in_channels,
            window_size=list(settings.window_sizes),
            mlp_ratio=settings.mlp_ratio,
            norm_cfg=dict(type='LN', eps=settings.norm_eps),
        )
    )
    if neck is not None:
        rows, columns = settings.grids[-1]
        decoder = neck['decoder']
        config['neck'] = dict(
            type='mmpretrain.MixMIMPretrainDecoder',
            num_patches=rows * columns,
            embed_dim=neck['in_channels'],
            encoder_stride=neck.get('cell', 32),
            decoder_embed_dim=decoder['embed_dims'],
            decoder_depth=decoder['depth'],
            decoder_num_heads=decoder['num_heads'],
            mlp_ratio=decoder.get('mlp_ratio', 4.0),
            # Their default is 1e-6.
            norm_cfg=dict(type='LN', eps=decoder.get('norm_eps', 1e-5)),
        )
    return config


def _objections(settings: SwinSettings) -> list[str]:
    """Return why a network cannot be a MixMIM; empty if it can."""
    objections = size_objections(settings)
    if settings.shift:
        objections.append(
            'its windows are shifted (shift=True), which MixMIM does not '
            'support'
        )
    sides = {side for grid in settings.grids for side in grid}
    if len(settings.depths) != 4:
        objections.append(f'it has {len(settings.depths)} stages, MixMIM 4')
    if any(rows != columns for rows, columns in settings.grids):
        objections.append(
            'MixMIM takes square images, this network is built for '
            f'{settings.img_size}'
        )
    if max(sides) % 8:
        objections.append(
            f'at image size {settings.img_size} its first grid has '
            f'{max(sides)} tokens per side, MixMIM needs a multiple of 8'
        )
    for (side, _), window in zip(
        settings.grids, settings.window_sizes, strict=True
    ):
        if side > window and side % window:
            objections.append(
                f'MixMIM does not pad, and at image size {settings.img_size} '
                f'a grid of {side}x{side} tokens is not a multiple of its '
                f'window {window}'
            )
    return objections


def _map(last: int, theirs: str = 'backbone.') -> KeyMap:
    """Return the templates for a backbone whose keys begin with ``theirs``."""
    norm = [('norm.{p}', f'norm{last}.{{p}}')]
    return KeyMap(
        [
            *prefixed(_BACKBONE + norm, theirs, 'backbone.'),
            *prefixed(_NECK, 'neck.', 'neck.'),
            ('head.fc.{p}', 'head.fc.{p}'),
        ],
        _DROPS,
    )


def _positions(settings: SwinSettings, grid: tuple[int, int]) -> Tensor:
    """Return the positions (h, w, C) that the network adds on a grid."""
    if not settings.absolute_positions:
        return torch.zeros(*grid, settings.embed_dims)
    own = SinCosPositions(
        *settings.grids[0], settings.embed_dims, settings.position_resize
    )
    return own.at(grid)
