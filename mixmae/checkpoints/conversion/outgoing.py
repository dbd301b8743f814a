"""Conversion of whole checkpoints from mixmae to other code bases.

Keys are mapped in ``timm_swin``, ``openmmlab_swin`` and ``mmpretrain_mixmim``.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.mmpretrain_mixmim import (
    mmpretrain_mixmim_config,
    to_mmpretrain_mixmim,
)
from mixmae.checkpoints.conversion.network import (
    backbone_config,
    neck_config,
    output_stages,
    parts_of,
    recorded_backbone,
    wanted_state,
)
from mixmae.checkpoints.conversion.openmmlab_swin import (
    openmmlab_swin_config,
    to_openmmlab_swin,
)
from mixmae.checkpoints.conversion.swin_settings import SwinSettings
from mixmae.checkpoints.conversion.timm_swin import (
    timm_swin_config,
    to_timm_swin,
)
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.checkpoints.loading.backbone_state import backbone_state
from mixmae.checkpoints.loading.key_map import NO_PART, KeyReport
from mixmae.models.layers.absolute_positions import (
    SinCosPositions,
    grid_coords,
    sincos_embedding,
)

# Fixed in MixMIMPretrainTransformer.
_THEIR_STRIDE = 32


def to_mmpretrain(
    source: Source, img_size: int | None = None, backbone_only: bool = False
) -> Conversion:
    """Convert to mmpretrain's MixMIM: classifier, backbone or pretraining.

    Args:
        source: The mixmae checkpoint.
        img_size: Side of its images in pixels; None = that of the network.
        backbone_only: Omit decoder and classifier.

    Raises:
        ValueError: The network's config is unknown, or MixMIM cannot represent
            the network.
    """
    _check_size(img_size)
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
    state, settings, report = _ours(source, set() if backbone_only else parts)
    if neck and settings.patch_size << 3 != _THEIR_STRIDE:
        raise ValueError(
            f"mmpretrain's MixMIM is pretrained in cells of {_THEIR_STRIDE} "
            f'pixels, this network in {settings.patch_size << 3}; use '
            '--backbone-only to convert its backbone only'
        )
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    target = (
        settings if img_size is None else replace(settings, img_size=img_size)
    )
    positions = _positions(settings, target.grids[0])
    decoder_positions = None
    if neck is not None:
        coords = grid_coords(*target.grids[-1])
        dims = state['neck.embed.weight'].size(0)
        decoder_positions = sincos_embedding(coords, dims)
    converted, mapped = to_mmpretrain_mixmim(
        state, target, positions, decoder_positions
    )
    mapped.dropped.update(report.dropped)
    return Conversion(
        converted,
        mapped,
        mmpretrain_mixmim_config(target, neck),
        source.path,
    )


def to_swin(source: Source, scope: str) -> Conversion:
    """Convert to the Swin of mmdet or mmseg.

    Args:
        source: The mixmae checkpoint.
        scope: 'mmdet' or 'mmseg', for the config that is shown.

    Raises:
        ValueError: The network's config is unknown, or Swin cannot represent
            the network.
    """
    state, settings, report = _ours(source, set())
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    converted, mapped = to_openmmlab_swin(state, settings)
    mapped.dropped.update(report.dropped)
    outputs = output_stages(state, len(settings.depths) - 1)
    if len(outputs) < len(settings.depths):
        mapped.notes.append(
            f'it has output norms of stages {outputs} only; those of other '
            'stages in out_indices are newly initialised'
        )
    config = openmmlab_swin_config(settings, scope, outputs)
    return Conversion(converted, mapped, {'backbone': config}, source.path)


def to_timm(source: Source, img_size: int | None = None) -> Conversion:
    """Convert to timm's Swin.

    Args:
        source: The mixmae checkpoint.
        img_size: As for ``to_mmpretrain``.

    Raises:
        ValueError: As for ``to_mmpretrain``.
    """
    _check_size(img_size)
    state, settings, report = _ours(source, {'head'})
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    if img_size is not None:
        settings = replace(settings, img_size=img_size)
    converted, mapped = to_timm_swin(state, settings)
    mapped.dropped.update(report.dropped)
    head = state.get('head.fc.weight')
    classes = 0 if head is None else head.size(0)
    config = timm_swin_config(settings, classes)
    return Conversion(
        converted, mapped, {'SwinTransformer': config}, source.path
    )


def to_bare(source: Source, from_task: bool = False) -> Conversion:
    """Convert the bare backbone, for a safetensors file.

    Args:
        source: The mixmae checkpoint.
        from_task: Also accept a detector, segmentor or any other model that is
            neither a pretraining nor a classifier; the file records it.

    Raises:
        ValueError: The config of the network or its preprocessing is unknown,
            or the model has parts that need ``from_task``.
    """
    backbone, others = parts_of(source.state)
    state = {f'backbone.{key}': value for key, value in backbone.items()}
    model = {
        'backbone': recorded_backbone(backbone, source),
        'data_preprocessor': source.preprocessing(),
    }
    report = KeyReport(
        renamed={key: key.removeprefix('backbone.') for key in state},
        dropped=dict.fromkeys(others, NO_PART),
    )
    report.compare(state, wanted_state(state, model))
    remark = _remark(source, from_task)
    return Conversion(
        backbone, report, model, source.path, bare=True, remark=remark
    )


def _remark(source: Source, from_task: bool) -> str:
    """Return the remark for weights of another task; '' for ours.

    Raises:
        ValueError: Weights of another task without ``from_task``.
    """
    try:
        backbone_state(source.state)
    except ValueError as error:
        # The message without its advice on init_cfg, which does not apply.
        what = str(error).partition('. To use it')[0]
        if not from_task:
            raise ValueError(
                f'{source.path}: {what}. A bare backbone file does not record '
                'this, and init_cfg would load it as pretrained weights; use '
                '--from-task to convert it nevertheless'
            ) from None
        return f'the backbone of {what}'
    return ''


def _check_size(img_size: int | None) -> None:
    if img_size is not None and img_size < 1:
        raise ValueError(f'--img-size must be at least 1, got {img_size}')


def _ours(
    source: Source, parts: set[str]
) -> tuple[dict[str, Tensor], SwinSettings, KeyReport]:
    """Return a backbone and the named parts, checked for completeness.

    Returns:
        The state dict with prefixes, the settings, and a report of dropped and
        mismatched keys.
    """
    backbone, others = parts_of(source.state)
    settings = SwinSettings.of(backbone, source.part('backbone'))
    state = {f'backbone.{key}': value for key, value in backbone.items()}
    report = KeyReport()
    names = {key.split('.')[0] for key in others}
    for key, value in others.items():
        if key.split('.')[0] not in parts or _foreign(key):
            report.dropped[key] = NO_PART
        elif parts == {'head'} and 'neck' in names:
            report.dropped[key] = 'a classifier on a neck with weights'
        else:
            state[key] = value
    model = {'backbone': backbone_config(state, settings)}
    neck = without_prefix(state, 'neck.')
    if neck:
        model['neck'] = neck_config(neck)
    report.compare(state, wanted_state(state, model))
    return state, settings, report


def _foreign(key: str) -> bool:
    """Return True if a key belongs to a head that is not a classifier."""
    return key.startswith('head.') and not key.startswith('head.fc.')


def _positions(settings: SwinSettings, grid: tuple[int, int]) -> Tensor:
    """Return the positions (h, w, C) that the network adds on a grid."""
    if not settings.absolute_positions:
        return torch.zeros(*grid, settings.embed_dims)
    own = SinCosPositions(
        *settings.grids[0], settings.embed_dims, settings.position_resize
    )
    return own.at(grid)
