"""Patch embedding weights for another number of image channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

RGB = 3


def adapted_patches(weight: Tensor, channels: int) -> Tensor:
    """Return weights of a patch embedding for other images than RGB.

    timm's rule (``adapt_input_conv``): for one channel the sum over RGB, so
    that a grey image gives what it gave as RGB; for more, RGB is repeated and
    the weights are scaled by 3 / channels.

    Args:
        weight: (C, 3, p, p).
        channels: Channels of the images.

    Raises:
        ValueError: The weights are not of three channels.
    """
    if weight.size(1) != RGB:
        raise ValueError(
            f'its images have {weight.size(1)} channels, those of the run '
            f'{channels}; only weights of {RGB} can be adapted: give '
            f'in_channels={weight.size(1)}'
        )
    summed = weight.float()
    if channels == 1:
        summed = summed.sum(1, keepdim=True)
    else:
        repeats = math.ceil(channels / RGB)
        summed = summed.repeat(1, repeats, 1, 1)[:, :channels]
        summed = summed * (RGB / channels)
    return summed.to(weight.dtype)


def rule_of(channels: int) -> str:
    """Return the rule in words."""
    if channels == 1:
        return "sum over RGB, timm's rule"
    return f"RGB repeated, times 3/{channels}, timm's rule"


def statistics_of(values: Sequence[float], channels: int) -> list[float]:
    """Return mean or std of other channels: their average for one channel."""
    if channels == 1:
        return [sum(values) / len(values)]
    return [values[i % len(values)] for i in range(channels)]
