"""Batches of images of one size, out of a stream of any sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from torch import Tensor

Tag = TypeVar('Tag')


def size_batches(
    images: Iterable[tuple[Tag, Tensor]], batch_size: int
) -> Iterator[list[tuple[Tag, Tensor]]]:
    """Groups images by size; nothing is resized or padded.

    A group leaves when it is full; at most eight batches' worth of images
    wait, then the longest waiting group leaves as it is.

    Args:
        images: (whatever goes along, image (C, H, W)).
        batch_size: images of a full group.

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
