"""Network that a fine-tuning starts from, as its file records it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from mmengine.registry import DefaultScope

from mixmae.checkpoints.conversion.incoming import (
    from_mmpretrain,
    from_official,
    from_swin,
    from_timm,
)
from mixmae.checkpoints.conversion.source import Source, read_source
from mixmae.checkpoints.conversion.um_mae import from_um_mae
from mixmae.checkpoints.loading.code_base import code_base_of
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.checkpoints.loading.official_mixmim import is_official_mixmim
from mixmae.checkpoints.loading.official_um_mae import is_official_um_mae
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.registry import MODELS

# Settings of a backbone that a task chooses for itself.
OF_THE_TASK = (
    'init_cfg', 'drop_path_rate', 'out_indices', 'frozen_stages', 'norm_eval',
    'output_norms', 'with_cp', 'scores', 'sort_groups', '_scope_',
)  # fmt: skip
CONVERTERS = MappingProxyType({
    'mmpretrain': from_mmpretrain,
    'mmdet': from_swin,
    'timm': from_timm,
})  # fmt: skip
IMAGENET = MappingProxyType({
    'mean': [123.675, 116.28, 103.53],
    'std': [58.395, 57.12, 57.375],
    'channel_order': 'RGB',
})  # fmt: skip


@dataclass(frozen=True)
class InitialNetwork:
    """A backbone, its weights and the normalisation of its images.

    Attributes:
        backbone: Config of the backbone, with the settings of no task.
        checkpoint: File for ``init_cfg``; None = random weights.
        mean: Of each channel, in units of 0..255.
        std: Likewise.
        to_rgb: Whether the channels are RGB, not BGR.
        channels: Channels of each stage.
        img_size: Side of the images of the pretraining, in pixels.
        origin: The file, for messages.
        kind: What it is, in words.
        value_range: Sample values of black and white; None = images of 8
            bits.
    """

    backbone: Mapping[str, Any]
    checkpoint: str | None
    mean: list[float]
    std: list[float]
    to_rgb: bool
    channels: list[int]
    img_size: int
    origin: str
    kind: str = ''
    value_range: tuple[float, float] | None = None

    @property
    def is_small(self) -> bool:
        """Whether it is narrower than the networks of the papers."""
        return self.channels[0] < 64


def initial_network(
    init: str | os.PathLike, converted: str | os.PathLike
) -> InitialNetwork:
    """Read the network from a file of weights.

    Args:
        init: A checkpoint or a safetensors file of ours, or a checkpoint of
            another code base, which is detected and converted.
        converted: File to write the converted checkpoint to.

    Raises:
        ValueError: The file cannot be read, is unknown, or records no network.
    """
    source = read_source(str(init))
    checkpoint, kind = str(init), 'weights of mixmae'
    if not source.model.get('backbone') or _is_foreign(source):
        convert, kind = _converter(source)
        done = convert(source)
        done.write(Path(converted))
        checkpoint = str(converted)
        source = Source(source.path, done.state, done.model)
    backbone = source.part('backbone')
    if 'data_preprocessor' in source.model:
        norm = source.preprocessing()
    else:
        norm = dict(IMAGENET)
    found = described(backbone, norm, checkpoint, source.path)
    return replace(found, kind=kind)


def described(
    backbone: Mapping[str, Any],
    norm: Mapping[str, Any],
    checkpoint: str | None,
    origin: str,
) -> InitialNetwork:
    """Complete the description of a network by building it without weights.

    Args:
        backbone: Its config, with the settings of a task or without.
        norm: ``mean``, ``std`` and ``channel_order``.
        checkpoint: File of its weights, or None.
        origin: What it is, for messages.

    Raises:
        ValueError: It is none of our backbones.
    """
    config = {k: v for k, v in backbone.items() if k not in OF_THE_TASK}
    config = registered_parts(config, (MODELS,), origin)
    kind = str(config.get('type', '')).removeprefix('mixmae.')
    config = {**config, 'type': f'mixmae.{kind}'}
    with (
        DefaultScope.overwrite_default_scope('mixmae'),
        torch.device('meta'),
    ):
        built = MODELS.build(dict(config))
    if not isinstance(built, HierarchicalBackbone):
        raise ValueError(f'{origin}: {kind} is not a backbone of mixmae')
    size = config.get('img_size', 224)
    config.setdefault('patch_size', built.stride >> (built.num_stages - 1))
    return InitialNetwork(
        backbone=config,
        checkpoint=checkpoint,
        mean=[*norm['mean']],
        std=[*norm['std']],
        to_rgb=str(norm.get('channel_order', 'RGB')).upper() == 'RGB',
        channels=[*built.num_features],
        img_size=size if isinstance(size, int) else min(size),
        origin=origin,
        value_range=norm.get('value_range'),
    )


def _is_foreign(source: Source) -> bool:
    """Whether the tensors have the names of another code base."""
    return code_base_of(source.state) is not None and not any(
        key.startswith('stages.') or key.startswith('backbone.stages.')
        for key in source.state
    )


def _converter(source: Source) -> tuple[Any, str]:
    if is_official_mixmim(source.state):
        return from_official, 'an official MixMIM, converted'
    if is_official_um_mae(source.state):
        return from_um_mae, 'an official UM-MAE, converted'
    found = code_base_of(source.state)
    if found is None:
        raise ValueError(
            f'{source.path}: the file does not record its network, and its '
            f'tensors ({", ".join(sorted(source.state)[:3])}, ...) are those '
            f'of no known code base. What fits: a checkpoint or '
            f'backbone.safetensors of mixmae, an official MixMIM or UM-MAE, '
            f'or a Swin of {", ".join(CONVERTERS)}'
        )
    return CONVERTERS[found], f'weights of {found}, converted'
