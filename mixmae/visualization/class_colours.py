"""Colours of classes."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

# Of a label map of 8 bits.
MOST = 256
GOLDEN = 0.618
VALUES = (0.95, 0.65, 0.8)


def class_hues(count: int) -> list[tuple[int, int, int]]:
    """Return RGB colours of classes without recorded ones.

    Neighbouring ones differ in hue by the golden angle.
    """
    found = []
    for k in range(count):
        value = VALUES[k // 8 % len(VALUES)]
        colour = colorsys.hsv_to_rgb(GOLDEN * k % 1, 0.75, value)
        red, green, blue = (round(255 * part) for part in colour)
        found.append((red, green, blue))
    return found


def class_colours(meta: Mapping[str, Any]) -> ndarray:
    """Return the colours of classes by label, (256, 3) uint8 RGB.

    Args:
        meta: Meta information of a data set. Its ``palette`` is used if it
            has a colour for each of its ``classes``: data sets inherit the
            palette of COCO with its classes.

    Raises:
        ValueError: The palette is not rows of three numbers.
    """
    colours = np.asarray(class_hues(MOST), np.uint8)
    palette, classes = meta.get('palette'), meta.get('classes') or ()
    if isinstance(palette, (list, tuple)) and len(palette) == len(classes):
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
