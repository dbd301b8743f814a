"""Boxes and masks of annotations in COCO format.

Boxes in pixels; ``size`` is (width, height) of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixmae.datasets.labels.instance_faults import TOLERANCE

# Boxes and masks of valid datasets agree within a few pixels.
APART = 0.2
APART_PIXELS = 8.0
# Larger values, and values that are not numbers, are reported per entry.
LARGEST = 1e12


def is_numbers(values: Any, count: int) -> bool:
    """Return True if values are ``count`` finite numbers below the limit."""
    return (
        isinstance(values, (list, tuple))
        and len(values) == count
        and all(
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and abs(value) < LARGEST
            for value in values
        )
    )


def box_fits(box: Sequence[float], size: Sequence[float]) -> bool:
    """Return True if a box (x, y, width, height) is inside an image."""
    x, y, width, height = box
    return (
        min(x, y) >= -TOLERANCE
        and x + width <= size[0] + TOLERANCE
        and y + height <= size[1] + TOLERANCE
    )


def is_corners(box: Sequence[float], size: Sequence[float]) -> bool:
    """Return True if four numbers can be two corners in an image."""
    x1, y1, x2, y2 = box
    return (
        x2 > x1 >= -TOLERANCE
        and y2 > y1 >= -TOLERANCE
        and x2 <= size[0] + TOLERANCE
        and y2 <= size[1] + TOLERANCE
    )


def box_meaning(box: Sequence[float], entry: dict) -> str:
    """Classify a box by mask or area: size, corners, neither, unknown."""
    x, y, third, fourth = box
    extent = mask_extent(entry.get('segmentation'))
    if extent is not None:
        if is_near(extent, (x, y, x + third, y + fourth)):
            return 'size'
        return (
            'corners' if is_near(extent, (x, y, third, fourth)) else 'neither'
        )
    area = entry.get('area')
    if isinstance(area, (int, float)) and area > 0:
        if abs(third * fourth - area) <= 0.01 * area:
            return 'size'
        if abs((third - x) * (fourth - y) - area) <= 0.01 * area:
            return 'corners'
    return 'unknown'


def mask_extent(mask: Any) -> tuple[float, ...] | None:
    """Return the bounding corners of polygons; ``None`` for other masks."""
    if not isinstance(mask, list) or not mask:
        return None
    if not all(
        isinstance(polygon, list)
        and len(polygon) >= 6
        and is_numbers(polygon, len(polygon))
        for polygon in mask
    ):
        return None
    xs = [x for polygon in mask for x in polygon[::2]]
    ys = [y for polygon in mask for y in polygon[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def is_near(extent: Sequence[float], corners: Sequence[float]) -> bool:
    """Return True if a box agrees with the extent of a mask."""
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    allowed = [
        max(APART_PIXELS if side > 4 * APART_PIXELS else 2.0, APART * side)
        for side in (width, height, width, height)
    ]
    return all(
        abs(a - b) <= most for a, b, most in zip(extent, corners, allowed)
    )


def is_empty_mask(mask: Any) -> bool:
    """Return True if a mask is given and has no pixel."""
    if isinstance(mask, dict):
        counts = mask.get('counts')
        if isinstance(counts, list):
            numbers = all(isinstance(value, int) for value in counts)
            return numbers and sum(counts[1::2]) == 0
        return counts in ('', b'')
    extent = mask_extent(mask)
    return extent is not None and (
        extent[0] == extent[2] or extent[1] == extent[3]
    )


def key_of(entry: dict, name: str) -> str:
    """Return an id of any type as text."""
    return repr(entry.get(name))
