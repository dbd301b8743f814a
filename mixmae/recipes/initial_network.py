"""Initial network of a fine-tuning, read from a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mixmae.checkpoints.conversion.initial_weights import (
    OF_THE_TASK,
    initial_weights,
)
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.recipes.networks import built_without_weights
from mixmae.registry import MODELS


@dataclass(frozen=True)
class InitialNetwork:
    """A backbone, its weights and the normalisation of its images.

    Attributes:
        backbone: Config of the backbone, with the settings of no task.
        checkpoint: File for ``init_cfg``; None = random weights.
        mean: Mean of each channel, in units of 0..255.
        std: Likewise.
        to_rgb: Whether the channels are RGB, not BGR.
        channels: Channels of each stage.
        img_size: Side of the images of the pretraining, in pixels.
        origin: The file, for messages.
        kind: What it is, in words.
        value_range: Sample values of black and white; None = images of 8
            bits.
        line: Account of every tensor of the file.
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
    line: str = ''

    @property
    def is_small(self) -> bool:
        """Whether it is narrower than the networks of the papers."""
        return self.channels[0] < 64


def initial_network(
    init: str | os.PathLike,
    converted: str | os.PathLike,
    in_channels: int | None = None,
) -> InitialNetwork:
    """Read the network from a file of weights.

    Args:
        init: See ``initial_weights``.
        converted: File to write the converted checkpoint to.
        in_channels: Channels of the images; None = those of the file.

    Raises:
        ValueError: The file cannot be read, is unknown, or records no network.
    """
    init = best_checkpoint(init)
    weights = initial_weights(init, in_channels).without_neck('decoder')
    # The config that names it is run from any folder.
    checkpoint = init
    if weights.is_local:
        checkpoint = os.path.abspath(os.path.expanduser(checkpoint))
    elif not weights.as_it_is:
        weights.write(converted)
        checkpoint = os.path.abspath(converted)
    norm = weights.model['data_preprocessor']
    found = described(weights.model['backbone'], norm, weights.path)
    return replace(
        found,
        checkpoint=checkpoint,
        kind=weights.kind,
        line=weights.line(),
    )


def described(
    backbone: Mapping[str, Any],
    norm: Mapping[str, Any],
    origin: str,
) -> InitialNetwork:
    """Complete the description of a network by building it without weights.

    Args:
        backbone: Config of the backbone, with or without task settings.
        norm: ``mean``, ``std`` and ``channel_order``.
        origin: What it is, for messages.

    Raises:
        ValueError: It is none of our backbones.
    """
    config = {k: v for k, v in backbone.items() if k not in OF_THE_TASK}
    config = registered_parts(config, (MODELS,), origin)
    kind = str(config.get('type', '')).removeprefix('mixmae.')
    config = {**config, 'type': f'mixmae.{kind}'}
    built = built_without_weights(config)
    if not isinstance(built, HierarchicalBackbone):
        raise ValueError(f'{origin}: {kind} is not a backbone of mixmae')
    size = config.get('img_size', 224)
    config.setdefault('patch_size', built.stride >> (built.num_stages - 1))
    return InitialNetwork(
        backbone=config,
        checkpoint=None,
        mean=[*norm['mean']],
        std=[*norm['std']],
        to_rgb=str(norm.get('channel_order', 'RGB')).upper() == 'RGB',
        channels=[*built.num_features],
        img_size=size if isinstance(size, int) else min(size),
        origin=origin,
        value_range=norm.get('value_range'),
    )
