"""Channels of images that are drawn as red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def shown_bands(
    channels: int, bands: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return the three channels that are drawn as red, green and blue.

    Args:
        channels: Number of channels of the images.
        bands: One channel, for grey, or three, from 0; None = the first
            three, or the first of two.

    Raises:
        ValueError: There are no such channels.
    """
    if bands is None:
        bands = range(3) if channels >= 3 else range(1)
    if len(bands) not in (1, 3) or not all(0 <= b < channels for b in bands):
        raise ValueError(
            f'bands must be one or three channels from 0 to {channels - 1}, '
            f'got {tuple(bands)}'
        )
    return tuple(bands) if len(bands) == 3 else (bands[0],) * 3


def loaded_pixels(image: Tensor) -> np.ndarray:
    """Return the picture of an image as data sets load it.

    Args:
        image: (channels, H, W), 0 to 255; BGR of three channels.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if len(image) == 3:
        image = image.flip(0)
    colours = image[list(shown_bands(len(image)))].permute(1, 2, 0)
    return colours.clamp(0, 255).to(torch.uint8).cpu().numpy()
