"""Stream of prepared image batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral
from typing import TypeVar

import torch
from mmengine.logging import print_log
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from mixmae.apis.image_input import ImageInput

Tag = TypeVar('Tag')


def image_stream(
    inputs: Sequence[ImageInput],
    load: Callable[[str], ndarray],
    prepare: Callable[[ImageInput, ndarray], tuple[Tag, Tensor]],
    batch_size: int,
    skip_corrupt: bool = False,
    title: str | None = None,
) -> Iterator[tuple[list[Tag], Tensor]]:
    """Yield batches of equally sized images, read on demand.

    Args:
        inputs: The images.
        load: Function that reads a file.
        prepare: Function that returns what the caller needs of an image, and
            the image for the network, (C, H, W). It raises ``ValueError`` for
            an image that the network cannot process; these are never skipped.
        batch_size: Maximum number of images in a batch.
        skip_corrupt: Log and skip files that cannot be read; otherwise the
            first of them is an error.
        title: Title of a progress bar on standard error; None = no bar. An
            image counts when its batch has been used.

    Yields:
        What ``prepare`` returned for the images of a batch: a list, and the
        images, (B, C, H, W).

    Raises:
        ValueError: ``batch_size`` is not a positive integer, an image cannot
            be read or used (it is named), or no image is left.
    """
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(
            f'batch_size must be an integer of at least 1, got {batch_size!r}'
        )
    bar = tqdm(
        total=len(inputs),
        desc=title,
        unit='image',
        disable=None if title else True,
    )
    skipped = 0

    def prepared() -> Iterator[tuple[Tag, Tensor]]:
        nonlocal skipped
        for given in inputs:
            try:
                pixels = given.read(load)
            except ValueError as error:
                if not skip_corrupt:
                    raise ValueError(
                        f'{error}; to leave such files out: skip_corrupt '
                        f'(--skip-corrupt)'
                    ) from error
                print_log(f'skipped: {error}', 'current', logging.WARNING)
                skipped += 1
                continue
            try:
                prepared_image = prepare(given, pixels)
            except ValueError as error:
                raise ValueError(f'{given.name}: {error}') from error
            yield prepared_image

    done = 0
    for batch in size_batches(prepared(), batch_size):
        tags, images = zip(*batch, strict=True)
        yield list(tags), torch.stack(images)
        done += len(batch)
        bar.update(done + skipped - bar.n)
    if not done:
        raise ValueError(f'none of the {len(inputs)} images could be read')
    if skipped:
        bar.set_postfix_str(f'{skipped} skipped')
    bar.update(len(inputs) - bar.n)
    bar.close()


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
