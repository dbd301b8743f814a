"""Conversion of whole checkpoints from other code bases to mixmae.

Keys are mapped in ``timm_swin``, ``openmmlab_swin``, ``mmpretrain_mixmim`` and
``official_weights``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.mmpretrain_mixmim import (
    from_mmpretrain_mixmim,
)
from mixmae.checkpoints.conversion.network import (
    IMAGENET,
    backbone_config,
    neck_config,
    parts_of,
    recorded_backbone,
    resize_tables,
    wanted_state,
)
from mixmae.checkpoints.conversion.openmmlab_swin import from_openmmlab_swin
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    settings_from_shapes,
)
from mixmae.checkpoints.conversion.tensor_layout import (
    identify_positions,
    swap_backbone_channels,
    swap_neck_channels,
)
from mixmae.checkpoints.conversion.timm_swin import from_timm_swin
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.checkpoints.loading.official_weights import (
    from_official_mixmim,
    is_official_mixmim,
)

_PRETRAINED_AT = 224
_OUR_TABLE = '.attn.position_bias.table'


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
    _refuse_ours(source)
    if not is_official_mixmim(source.state):
        raise ValueError(
            f'not an official MixMIM checkpoint: {source.path} has no '
            f'layers.0.blocks.0.attn.qkv.weight, or neither '
            f'absolute_pos_embed nor mask_token'
        )
    state, report = from_official_mixmim(source.state)
    return _mixmim(
        source, state, report, window_sizes, dict(num_heads=16), IMAGENET
    )


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
    _refuse_ours(source)
    state, report = from_mmpretrain_mixmim(source.state)
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
    return _mixmim(
        source, state, report, window_sizes, decoder, _recorded(source)
    )


def from_swin(source: Source) -> Conversion:
    """Convert the Swin of mmdet or mmseg, as a bare backbone or in a model.

    Raises:
        ValueError: The file has no such backbone.
    """
    _refuse_ours(source)
    state, report = from_openmmlab_swin(source.state)
    config = source.model.get('backbone') or {}
    norm_eps = (config.get('norm_cfg') or {}).get('eps', SwinSettings.norm_eps)
    # The padding mode closest to theirs.
    return swin_conversion(
        source, state, report, mask_padding=False, norm_eps=norm_eps
    )


def from_timm(source: Source) -> Conversion:
    """Convert timm's or Microsoft's Swin, with a classifier if present.

    Raises:
        ValueError: The file is not such a network.
    """
    _refuse_ours(source)
    state, report = from_timm_swin(source.state)
    # Without positions it is needed only for the reverse conversion.
    recorded = source.model.get('SwinTransformer') or {}
    img_size = recorded.get('img_size', SwinSettings.img_size)
    report.notes.append(
        'equal where each grid is a multiple of its window or lies within '
        'one; elsewhere timm pads after shifting, without masking'
    )
    return swin_conversion(source, state, report, img_size=img_size)


def from_bare(source: Source) -> Conversion:
    """Convert a bare safetensors file of mixmae.

    Raises:
        ValueError: It has no valid header.
    """
    backbone, others = parts_of(source.state)
    state = {f'backbone.{key}': value for key, value in backbone.items()}
    report = KeyReport(
        renamed={key: f'backbone.{key}' for key in backbone},
    )
    # A release has the other parts of the model as well.
    if 'neck' in source.model:
        report.dropped = dict.fromkeys(others, 'a part of the pretraining')
    else:
        report.unexpected = sorted(others)
    model = {
        'backbone': recorded_backbone(backbone, source),
        'data_preprocessor': source.preprocessing(),
    }
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)


def _refuse_ours(source: Source) -> None:
    """Raise ValueError if the file is in mixmae's format already."""
    ours = [key for key in source.state if key.endswith(_OUR_TABLE)]
    if ours:
        raise ValueError(
            f'{source.path} already is a mixmae checkpoint (it has '
            f'{ours[0]}); use it without conversion'
        )


def _mixmim(
    source: Source,
    state: dict[str, Tensor],
    report: KeyReport,
    windows: Sequence[int] | None,
    decoder: Mapping[str, Any],
    preprocessing: Mapping[str, Any] | None,
) -> Conversion:
    """Complete a MixMIM in our names: positions, windows, settings."""
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
            backbone = swap_backbone_channels(backbone, settings.embed_dims)
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
                neck = swap_neck_channels(neck, dims)
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


def swin_conversion(
    source: Source,
    state: dict[str, Tensor],
    report: KeyReport,
    **settings: Any,
) -> Conversion:
    """Complete the conversion of a Swin, which shifts its windows.

    Args:
        source: The checkpoint.
        state: State dict in our names, with prefixes.
        report: Report of the renaming.
        settings: Settings that tensors do not show; see ``SwinSettings``.
    """
    found = settings_from_shapes(parts_of(state)[0])
    found = replace(found, shift=True, absolute_positions=False, **settings)
    model: dict[str, Any] = {'backbone': backbone_config(state, found)}
    preprocessing = _recorded(source)
    if preprocessing:
        model['data_preprocessor'] = preprocessing
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)


def _recorded(source: Source) -> dict[str, Any] | None:
    """Return the recorded preprocessing, if there is one."""
    return (
        source.preprocessing() if 'data_preprocessor' in source.model else None
    )
