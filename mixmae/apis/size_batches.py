"""Batches of equally sized images from a stream of any sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from torch import Tensor

Tag = TypeVar('Tag')


def size_batches(
    images: Iterable[tuple[Tag, Tensor]], batch_size: int
) -> Iterator[list[tuple[Tag, Tensor]]]:
    """Group images by size without resizing or padding.

    A group is yielded when it is full. At most eight batches of images wait;
    beyond that, the group that has waited longest is yielded incomplete.

    Args:
        images: Pairs (tag of any type, image (C, H, W)).
        batch_size: Number of images in a full group.

    Yields:
        1 to ``batch_size`` images of one size. The order within a size is
        kept.
    """
    waiting: dict[tuple[int, ...], list[tuple[Tag, Tensor]]] = {}
    for tag, image in images:
        size = tuple(image.shape)
        group = waiting.setdefault(size, [])
        group.append((tag, image))
        if len(group) == batch_size:
            yield waiting.pop(size)
        elif sum(map(len, waiting.values())) >= 8 * batch_size:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
