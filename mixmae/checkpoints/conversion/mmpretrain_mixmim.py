"""Conversion of mmpretrain's MixMIM, both ways.

``MixMIMTransformer`` merges patches at the end of a stage, in the order of
mmcv's unfold, and saves its frozen positions with its weights. A model
pretrained with mmpretrain has x and y of its positions swapped (see
``position_channels``); the official weights that mmpretrain distributes do
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mixmae.checkpoints.conversion.network import without_inner_norms
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    count_numbered,
    refuse,
    size_objections,
)
from mixmae.checkpoints.conversion.tensor_layout import (
    crop_tables,
    from_unfold_order,
    offset_index,
    to_unfold_order,
)
from mixmae.checkpoints.loading.key_map import KeyMap, KeyReport, prefixed

POSITIONS = 'backbone.absolute_pos_embed'
DECODER_POSITIONS = 'neck.decoder_pos_embed'

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


def from_mmpretrain_mixmim(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Rename the keys of a MixMIM and reorder its merging layers.

    Its positions are dropped; the caller checks whether they equal ours.

    Args:
        state: State dict of a ``MixMIM``, of a classifier, or of the backbone
            alone.

    Returns:
        The state dict of a ``MaskedImageModel`` or of an ``ImageClassifier``,
        and a report of each key.
    """
    bare = not any(key.startswith('backbone.') for key in state)
    theirs = '' if bare else 'backbone.'
    last = max(0, count_numbered(state, f'{theirs}layers.') - 1)
    renamed, report = _map(last, theirs).to_ours(state)
    for key, value in renamed.items():
        if '.downsample.' in key:
            renamed[key] = from_unfold_order(value)
    return renamed, report


def to_mmpretrain_mixmim(
    state: Mapping[str, Tensor],
    settings: SwinSettings,
    positions: Tensor,
    decoder_positions: Tensor | None = None,
) -> tuple[dict[str, Tensor], KeyReport]:
    """Convert to a MixMIM; positions and index buffers are created.

    MixMIM's windows, and with them the bias tables, are never larger than the
    grid: larger tables are cropped to their centre, which is what MIMSwin
    indexes there.

    Args:
        state: State dict of a model with a ``MIMSwin``, with its prefixes.
        settings: Settings of the same network.
        positions: (h, w, C) of the first stage; zeros if it has none.
        decoder_positions: (h, w, D) of the decoder, if there is one.

    Raises:
        ValueError: MixMIM cannot represent this network.
    """
    refuse("mmpretrain's MixMIMTransformer", _objections(settings))
    last = len(settings.depths) - 1
    kept, unused = without_inner_norms(state, last)
    renamed, report = _map(last).to_theirs(kept)
    for key in unused:
        report.dropped[key] = 'norm of an output that MixMIM lacks'
    for key, value in renamed.items():
        if '.downsample.' in key:
            renamed[key] = to_unfold_order(value)
    for key, window in crop_tables(renamed, settings, report).items():
        name = key.replace('bias_table', 'index')
        renamed[name] = offset_index(window)
        report.made[name] = 'index of the bias table'
    renamed[POSITIONS] = positions.flatten(0, 1)[None]
    report.made[POSITIONS] = 'frozen positions'
    if decoder_positions is not None:
        renamed[DECODER_POSITIONS] = decoder_positions.flatten(0, 1)[None]
        report.made[DECODER_POSITIONS] = 'frozen positions'
    report.notes.append(
        f'equal to MIMSwin at image size {settings.img_size}, the only size '
        'that MixMIMTransformer takes; it returns one pooled vector'
    )
    return renamed, report


def mmpretrain_mixmim_config(
    settings: SwinSettings, neck: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the configs of the same parts in mmpretrain.

    Args:
        settings: Settings of the backbone.
        neck: Arguments of the ``MixMAENeck`` of a pretraining model.

    Returns:
        ``backbone``, and ``neck`` if there is one.
    """
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
