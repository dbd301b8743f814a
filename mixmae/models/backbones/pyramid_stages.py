"""The stages of a pyramid transformer, from its arch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from mixmae.models.backbones.pyramid_archs import PyramidArch
from mixmae.models.layers.pyramid_stage import PyramidStage


def pyramid_stages(
    arch: PyramidArch,
    sr_ratios: Sequence[int],
    drop_path_rate: float,
    positions: Sequence[nn.Module | None],
    **settings: Any,
) -> nn.ModuleList:
    """All stages of a network.

    Args:
        arch: widths and depths.
        sr_ratios: side in tokens of a key cell, one per stage.
        drop_path_rate: rate of the last block; rises linearly from 0.
        positions: modules that add positions within each stage, or None.
        settings: further arguments of ``PyramidStage``, for all stages.

    Raises:
        ValueError: the ratios are not one positive number per stage.
    """
    if len(sr_ratios) != len(arch.depths) or min(sr_ratios) < 1:
        raise ValueError(
            f'sr_ratios {tuple(sr_ratios)} must hold one side of at least 1 '
            f'token for each of the {len(arch.depths)} stages'
        )
    rates = np.linspace(0, drop_path_rate, sum(arch.depths)).tolist()
    stages = nn.ModuleList()
    for i, depth in enumerate(arch.depths):
        first = sum(arch.depths[:i])
        stages.append(
            PyramidStage(
                arch.embed_dims[i],
                depth,
                arch.num_heads[i],
                sr_ratios[i],
                merged_dims=arch.embed_dims[i - 1] if i else None,
                positions=positions[i],
                mlp_ratio=arch.mlp_ratios[i],
                drop_path=tuple(rates[first : first + depth]),
                **settings,
            )
        )
    return stages


def keys_cross_cells(sr_ratios: Sequence[int]) -> str:
    """The reason why keys would mix two images, or '' if they do not.

    A cell is one token of the last stage, 2 ** n tokens wide n stages
    before it; a key must not reach beyond.
    """
    widths = [1 << i for i in reversed(range(len(sr_ratios)))]
    if not any(
        width % side for width, side in zip(widths, sr_ratios, strict=True)
    ):
        return ''
    return (
        f'with sr_ratios {tuple(sr_ratios)} reduces tokens of several cells '
        f'to one key; its ratios must divide {tuple(widths)}'
    )


def init_convolutions(module: nn.Module) -> None:
    """Normal convolutions of the fan out's variance, as PVT and Twins do."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            fan_out = part.weight[0, 0].numel() * part.out_channels
            std = (2 * part.groups / fan_out) ** 0.5
            nn.init.normal_(part.weight, 0, std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
