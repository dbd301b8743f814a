"""Sizes and value range of own images, from a sample of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from mixmae.datasets.images.sample_values import ValueSample
from mixmae.datasets.labels.labelled_sizes import read_oriented_size
from mixmae.recipes.config_template import Setting

# Images of which the headers are read.
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


def value_range_setting(
    sample: ValueSample,
    given: Sequence[float] | None,
    known: Sequence[float] | None,
) -> Setting | None:
    """Return the sample values that become 0 and 255.

    Args:
        sample: Images to train on, read as the channels of the network.
        given: Range that the call names.
        known: Range of the weights to start from.

    Returns:
        The given range, that of the weights, or one measured on the sample;
        None = images of 8 bits, which are not scaled.

    Raises:
        ValueError: A given range has no effect, or none can be measured.
    """
    count = sum(sample.kinds.values())
    if not sample.wide:
        if given is not None:
            raise ValueError(
                f'value_range={tuple(given)} has no effect: {count} images '
                f'that were read are of 8 bits'
            )
        return None
    if given is not None:
        return Setting('value_range', (*given,), 'as given')
    if known is not None:
        return Setting('value_range', (*known,), 'that of the weights')
    return Setting(
        'value_range',
        sample.percentiles(),
        f'0.1 and 99.9 % of the values of {count} images',
    )
