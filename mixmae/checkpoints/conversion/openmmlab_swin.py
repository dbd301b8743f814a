"""Conversion of the ``SwinTransformer`` of mmdet and mmseg, both ways.

Microsoft's own code has the keys of timm; see ``timm_swin``.

Both have the same keys and the same computation. They merge patches at the end
of a stage, in the order of mmcv's unfold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    refuse_ours,
)
from mixmae.checkpoints.conversion.network import (
    backbone_prefix,
    output_stages,
    own_parts,
    swin_conversion,
)
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    refuse,
    swin_objections,
)
from mixmae.checkpoints.conversion.tensor_layout import (
    from_unfold_order,
    to_unfold_order,
)
from mixmae.checkpoints.loading.key_map import NO_PART, KeyMap, prefixed
from mixmae.models.layers.position_bias import offset_index

_BLOCK = 'stages.{i}.blocks.{j}.'
_PAIRS = [
    ('patch_embed.projection.{p}', 'patch_embed.proj.{p}'),
    ('patch_embed.norm.{p}', 'patch_embed.norm.{p}'),
    (
        _BLOCK + 'attn.w_msa.relative_position_bias_table',
        _BLOCK + 'attn.position_bias.table',
    ),
    (_BLOCK + 'attn.w_msa.{m}.{p}', _BLOCK + 'attn.{m}.{p}'),
    (_BLOCK + 'ffn.layers.0.0.{p}', _BLOCK + 'mlp.fc1.{p}'),
    (_BLOCK + 'ffn.layers.1.{p}', _BLOCK + 'mlp.fc2.{p}'),
    (_BLOCK + '{m}.{p}', _BLOCK + '{m}.{p}'),
    ('stages.{i}.downsample.{m}.{p}', 'stages.{i+1}.downsample.{m}.{p}'),
    ('norm{i}.{p}', 'norm{i}.{p}'),
]
_INDEX = (r'.*\.relative_position_index', 'index, recomputed')
_PREFIX = 'backbone.'


def from_swin(source: Source) -> Conversion:
    """Convert the Swin of mmdet or mmseg, as a bare backbone or in a model.

    Raises:
        ValueError: The file has no such backbone, or learned absolute
            positions.
    """
    refuse_ours(source)
    theirs = backbone_prefix(source.state)
    if theirs + 'absolute_pos_embed' in source.state:
        raise ValueError(
            'a Swin with learned absolute positions (use_abs_pos_embed=True) '
            'cannot be a MIMSwin, whose positions are fixed sine-cosine '
            'embeddings'
        )
    outside = r'(?!backbone\.).*' if theirs else r'head\.fc\..*'
    keys = KeyMap(
        prefixed(_PAIRS, theirs, _PREFIX), [(outside, NO_PART), _INDEX]
    )
    state, report = keys.to_ours(source.state)
    for key, value in state.items():
        if '.downsample.' in key:
            state[key] = from_unfold_order(value)
    config = source.model.get('backbone') or {}
    norm_eps = (config.get('norm_cfg') or {}).get('eps', SwinSettings.norm_eps)
    # The padding mode closest to theirs.
    return swin_conversion(
        source, state, report, mask_padding=False, norm_eps=norm_eps
    )


def to_swin(source: Source, scope: str) -> Conversion:
    """Convert to the Swin of mmdet or mmseg.

    Index buffers are created, for strict loading.

    Args:
        source: The mixmae checkpoint.
        scope: 'mmdet' or 'mmseg', for the config that is shown.

    Raises:
        ValueError: The network's config is unknown, or Swin cannot represent
            the network.
    """
    state, settings, report = own_parts(source, set())
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    objections = swin_objections(settings, per_stage=False)
    if settings.mlp_ratio != int(settings.mlp_ratio):
        objections.append(
            f'its mlp_ratio {settings.mlp_ratio} is not an integer, as mmdet '
            'and mmseg require'
        )
    refuse('the SwinTransformer of mmdet or mmseg', objections)
    # Their init_cfg accepts this prefix, and mmdet's accepts nothing else.
    keys = KeyMap(prefixed(_PAIRS, _PREFIX, _PREFIX))
    converted, mapped = keys.to_theirs(state)
    for key, value in converted.items():
        if '.downsample.' in key:
            converted[key] = to_unfold_order(value)
    index = offset_index(settings.window_sizes[0])
    for i, depth in enumerate(settings.depths):
        for j in range(depth):
            name = (
                f'{_PREFIX}stages.{i}.blocks.{j}.attn.w_msa.'
                'relative_position_index'
            )
            converted[name] = index.clone()
            mapped.made[name] = 'index of the bias table'
    mapped.dropped = report.dropped
    mapped.notes.append(_where_equal(settings))
    outputs = output_stages(state, len(settings.depths) - 1)
    if len(outputs) < len(settings.depths):
        mapped.notes.append(
            f'it has output norms of stages {outputs} only; those of other '
            'stages in out_indices are newly initialised'
        )
    config = _config(settings, scope, outputs)
    return Conversion(converted, mapped, {'backbone': config}, source.path)


def _config(
    settings: SwinSettings, scope: str, out_indices: Sequence[int]
) -> dict[str, Any]:
    """Return the config of the same network in ``scope``."""
    strides = (settings.patch_size,) + (2,) * (len(settings.depths) - 1)
    config: dict[str, Any] = dict(
        type=f'{scope}.SwinTransformer',
        embed_dims=settings.embed_dims,
        depths=settings.depths,
        num_heads=settings.num_heads,
        patch_size=settings.patch_size,
        strides=strides,
        window_size=settings.window_sizes[0],
        mlp_ratio=int(settings.mlp_ratio),
        out_indices=tuple(out_indices),
    )
    if settings.norm_eps != SwinSettings.norm_eps:
        config['norm_cfg'] = dict(type='LN', eps=settings.norm_eps)
    if settings.in_channels != SwinSettings.in_channels:
        config['in_channels'] = settings.in_channels
    return config


def _where_equal(settings: SwinSettings) -> str:
    stages = len(settings.depths)
    window = settings.window_sizes[0]
    total = (settings.patch_size << (stages - 1)) * window
    if settings.mask_padding:
        return (
            f'equal to MIMSwin at image sides of {2 * total}, {3 * total}, '
            '... pixels. At other sizes, where a grid is padded to the window '
            f'of {window} or fits into one window, mmdet and mmseg let '
            'padding take part in attention and shift even a single window'
        )
    return (
        'equal to MIMSwin where every grid has more tokens per side than the '
        f'window of {window}, image sides above {total} pixels; below, mmdet '
        'and mmseg shift even a single window'
    )
