"""Bare backbones of mixmae, as safetensors files, both ways."""

from __future__ import annotations

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.network import (
    parts_of,
    recorded_backbone,
    wanted_state,
)
from mixmae.checkpoints.loading.backbone_state import backbone_state
from mixmae.checkpoints.loading.key_map import NO_PART, KeyReport


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
    """Return the remark for weights of another task; '' for ours."""
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
