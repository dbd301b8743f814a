"""Conversion of official MixMIM checkpoints to mixmae."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    refuse_ours,
)
from mixmae.checkpoints.conversion.network import (
    IMAGENET,
    backbone_config,
    neck_config,
    parts_of,
    resize_tables,
    wanted_state,
)
from mixmae.checkpoints.conversion.swin_settings import settings_from_shapes
from mixmae.checkpoints.conversion.tensor_layout import (
    identify_positions,
    swap_channels,
)
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.checkpoints.loading.official_weights import (
    from_official_mixmim,
    is_official_mixmim,
)

_PRETRAINED_AT = 224


def from_official(
    source: Source, window_sizes: Sequence[int] | None = None
) -> Conversion:
    """Convert an official MixMIM, pretrained or fine-tuned.

    Args:
        source: The checkpoint.
        window_sizes: Sides of the windows to resize bias tables to, or None.

    Raises:
        ValueError: The file is not an official MixMIM checkpoint.
    """
    refuse_ours(source)
    if not is_official_mixmim(source.state):
        raise ValueError(
            f'not an official MixMIM checkpoint: {source.path} has no '
            f'layers.0.blocks.0.attn.qkv.weight, or neither '
            f'absolute_pos_embed nor mask_token'
        )
    state, report = from_official_mixmim(source.state)
    return mixmim_conversion(
        source, state, report, window_sizes, dict(num_heads=16), IMAGENET
    )


def mixmim_conversion(
    source: Source,
    state: dict[str, Tensor],
    report: KeyReport,
    windows: Sequence[int] | None,
    decoder: Mapping[str, Any],
    preprocessing: Mapping[str, Any] | None,
) -> Conversion:
    """Convert a MixMIM whose keys are renamed: positions, windows, settings.

    Args:
        source: The checkpoint.
        state: State dict in our names, with prefixes.
        report: Report of the renaming.
        windows: Sides of the windows to resize bias tables to, or None.
        decoder: Arguments of the decoder that tensors do not show.
        preprocessing: Mean, std and channel order, if they are known.
    """
    # Keys of its frozen position tables, by their last part.
    tables = {key.split('.')[-1]: key for key in report.dropped}
    backbone, _ = parts_of(state)
    settings = replace(settings_from_shapes(backbone), shift=False)
    if 'absolute_pos_embed' in tables:
        table = tables['absolute_pos_embed']
        base = max(_PRETRAINED_AT // settings.patch_size, 1)
        found = identify_positions(source.state[table], (base,))
        settings = replace(
            settings,
            img_size=found.side * settings.patch_size,
            absolute_positions=found.present,
        )
        if found.present:
            report.dropped[table] += found.near
        else:
            report.dropped[table] = 'all zero'
            report.notes.append(
                'its positions are zero, so it has no positions'
            )
        if found.swapped:
            backbone = swap_channels(backbone, settings.embed_dims)
            report.notes.append(
                'its positions have y channels before x channels: the two '
                'halves of the channels of stage 0 were swapped, which gives '
                'an equivalent network'
            )
    neck = without_prefix(state, 'neck.')
    model: dict[str, Any] = {}
    if 'mask_token' in neck:
        model['neck'] = neck_config(neck, **decoder)
        if 'decoder_pos_embed' in tables:
            table = tables['decoder_pos_embed']
            found = identify_positions(source.state[table])
            if not found.present:
                raise ValueError(
                    f'{source.path}: the positions of its decoder are zero, '
                    'which mixmae does not support'
                )
            report.dropped[table] += found.near
            if found.swapped:
                dims = model['neck']['decoder']['embed_dims']
                neck = swap_channels(neck, dims)
                report.notes.append(
                    'the channels of the decoder were swapped as well'
                )
    state = {
        **state,
        **{f'backbone.{key}': value for key, value in backbone.items()},
        **{f'neck.{key}': value for key, value in neck.items()},
    }
    if windows is not None:
        settings = replace(settings, window_sizes=tuple(windows))
        resize_tables(state, windows, report)
    model = {'backbone': backbone_config(state, settings), **model}
    if preprocessing:
        model['data_preprocessor'] = dict(preprocessing)
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)
