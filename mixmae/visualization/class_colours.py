"""Colours of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

# Of a label map of 8 bits.
MOST = 256


def class_hues(count: int) -> list[tuple[int, int, int]]:
    """Return RGB colours of classes without recorded ones."""
    return [
        ((67 * k + 90) % 256, (151 * k + 40) % 256, (211 * k + 160) % 256)
        for k in range(count)
    ]


def class_colours(meta: Mapping[str, Any]) -> ndarray:
    """Return the colours of classes by label, (256, 3) uint8 RGB.

    Args:
        meta: Meta information of a data set; its ``palette`` is used if it
            recorded one.

    Raises:
        ValueError: The palette is not rows of three numbers.
    """
    colours = np.asarray(class_hues(MOST), np.uint8)
    palette = meta.get('palette')
    if isinstance(palette, (list, tuple)) and palette:
        recorded = np.asarray(palette[:MOST], float).reshape(-1, 3)
        colours[: len(recorded)] = recorded.clip(0, 255)
    return colours


def blended(image: ndarray, colours: ndarray, share: float = 0.5) -> ndarray:
    """Return an image with a share of colours, uint8."""
    mean = (1 - share) * image + share * colours.astype(float)
    return mean.round().astype(np.uint8)


def hex_colour(colour: ndarray) -> str:
    """Return an RGB colour as text for a page."""
    return '#' + bytes(colour).hex()
