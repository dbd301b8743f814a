"""Median sizes of images, from a sample of their headers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from mixmae.datasets.labels.labelled_sizes import read_oriented_size

SAMPLE = 200


def median_size(paths: Sequence[str | Path]) -> tuple[int, int]:
    """Return the median of the long and of the short side, in pixels.

    Args:
        paths: Images; an evenly spread sample of them is opened.

    Raises:
        ValueError: None of the sample is an image.
    """
    step = max(1, len(paths) // SAMPLE)
    found = [read_oriented_size(path) for path in paths[::step]]
    sizes = [oriented.upright for oriented in found if oriented is not None]
    if not sizes:
        raise ValueError(
            f'none of {len(found)} files, such as {paths[0]}, is an image '
            f'that can be read'
        )
    return median_sides(sizes)


def median_sides(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the median of the long and of the short sides."""
    long = statistics.median_low([max(size) for size in sizes])
    short = statistics.median_low([min(size) for size in sizes])
    return long, short


def fitted(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """Return a size that is shrunk, with its aspect ratio, to a limit.

    Args:
        size: Long and short side, in pixels.
        limit: The most of each.
    """
    factor = min(1.0, *(most / side for most, side in zip(limit, size)))
    return round(size[0] * factor), round(size[1] * factor)
