"""Validation of the box and the mask of an annotated object.

For ``coco_entry_faults`` (a whole file) and ``CheckInstances`` (each sample).
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from numpy import ndarray

# Coordinates are rounded, sometimes to beyond the image; COCO's own boxes
# exceed the image by less than a pixel.
TOLERANCE = 1.0


def box_fault(
    box: Sequence[float],
    width: float,
    height: float,
    tolerance: float = TOLERANCE,
) -> str | None:
    """Describe the fault of a box (x1, y1, x2, y2) in pixels, if any.

    Args:
        box: Corners.
        width, height: Of the image, in pixels.
        tolerance: Largest allowed distance outside the image, in pixels.

    Returns:
        None for a valid box.
    """
    if not isinstance(box, (list, tuple, ndarray)) or len(box) != 4:
        return f'box {box!r} is not a list of four numbers'
    try:
        corners = [_number(value) for value in box]
    except TypeError:
        return f'box {box!r} is not a list of four numbers'
    x1, y1, x2, y2 = corners
    outside = max(-x1, -y1, x2 - width, y2 - height)
    if not all(map(math.isfinite, corners)):
        fault = 'is not finite'
    elif x2 <= x1 or y2 <= y1:
        fault = 'is empty or inverted'
    elif outside > tolerance:
        fault = (
            f'extends {outside:g} px beyond the image of {width:g} x '
            f'{height:g} px'
        )
    else:
        return None
    shown = ', '.join(f'{value:g}' for value in corners)
    return f'box [{shown}] (x1, y1, x2, y2) {fault}'


def mask_fault(mask: Any, width: int, height: int) -> str | None:
    """Describe the fault of a mask in COCO format, if any.

    Polygons that mmdet would skip (an odd number of coordinates, or fewer
    than three points) are a fault only if no valid polygon is left.

    Args:
        mask: Polygons ``[[x, y, x, y, ...], ...]`` in pixels, run lengths
            ``{'size': [height, width], 'counts': ...}``, or an array
            (height, width).
        width, height: Of the image, in pixels.

    Returns:
        None for a valid mask.
    """
    if isinstance(mask, dict):
        return _runs_fault(mask, width, height)
    if isinstance(mask, ndarray) and mask.ndim == 2:
        if mask.shape != (height, width):
            return _size_fault(mask.shape, width, height)
        return None
    if not isinstance(mask, (list, tuple)):
        return (
            f'mask is a {type(mask).__name__}, neither polygons nor run '
            f'lengths'
        )
    if not mask:
        return 'mask is empty'
    if invalid_polygons(mask) == len(mask):
        return (
            'mask has no polygon of at least three points (an even number '
            'of coordinates, six or more)'
        )
    for polygon in mask:
        try:
            # The sum is not finite if any coordinate is not.
            finite = math.isfinite(sum(polygon))
        except TypeError:
            return 'mask has a polygon with values that are not numbers'
        except OverflowError:
            finite = False
        if not finite:
            return 'mask has a polygon with coordinates that are not finite'
    return None


def invalid_polygons(mask: Any) -> int:
    """Return the number of invalid polygons of a mask; mmdet skips them."""
    if not isinstance(mask, (list, tuple)):
        return 0
    return sum(
        not hasattr(polygon, '__len__')
        or len(polygon) < 6
        or len(polygon) % 2 == 1
        for polygon in mask
    )


def _number(value: object) -> float:
    """Return a number as float; TypeError for anything else, also text."""
    if not isinstance(value, Real):
        raise TypeError(f'{value!r} is not a number')
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _runs_fault(mask: dict, width: int, height: int) -> str | None:
    size, counts = mask.get('size'), mask.get('counts')
    if not isinstance(counts, (list, tuple, str, bytes)):
        return 'mask of run lengths has no counts'
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        return f'mask of run lengths has size {size!r}, not [height, width]'
    if tuple(size) != (height, width):
        return _size_fault(size, width, height)
    if isinstance(counts, (list, tuple)):
        try:
            total = sum(counts)
        except TypeError:
            return 'mask has run lengths that are not numbers'
        if total != width * height or min(counts, default=0) < 0:
            return (
                f'mask has run lengths of {total} pixels in total, the image '
                f'has {width * height}'
            )
    return None


def _size_fault(size: Sequence[int], width: int, height: int) -> str:
    return (
        f'mask is of {size[1]} x {size[0]} px (width x height), the image of '
        f'{width} x {height} px'
    )
