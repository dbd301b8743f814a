"""Stream of prepared image batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral

import torch
from mmengine.logging import print_log
from torch import Tensor
from tqdm import tqdm

from mixmae.apis.image_preparation import ImagePreparation
from mixmae.apis.image_source import ImageSource
from mixmae.apis.size_batches import size_batches

Batch = tuple[list[ImageSource], Tensor]


def image_stream(
    sources: Sequence[ImageSource],
    prepare: ImagePreparation,
    batch_size: int,
    skip_corrupt: bool = False,
    title: str | None = None,
    check: Callable[[Tensor], object] | None = None,
) -> Iterator[Batch]:
    """Yield batches of equally sized images, read on demand.

    Args:
        sources: The images.
        prepare: Preparation of each image.
        batch_size: Maximum number of images in a batch.
        skip_corrupt: Log and skip files that cannot be read; otherwise the
            first of them is an error.
        title: Title of a progress bar on standard error; None = no bar. An
            image counts when its batch has been used.
        check: Function that raises ``ValueError`` for a prepared image (3, H,
            W) that the network cannot process; never skipped.

    Yields:
        The sources of a batch and their images, uint8 BGR (B, 3, H, W).

    Raises:
        ValueError: ``batch_size`` is not a positive integer, an image cannot
            be read or used (it is named), or no image is left.
    """
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(
            f'batch_size must be an integer of at least 1, got {batch_size!r}'
        )
    bar = tqdm(
        total=len(sources),
        desc=title,
        unit='image',
        disable=None if title else True,
    )
    skipped = 0

    def prepared() -> Iterator[tuple[ImageSource, Tensor]]:
        nonlocal skipped
        for source in sources:
            try:
                pixels = source.read(prepare.load)
            except ValueError as error:
                if not skip_corrupt:
                    raise ValueError(
                        f'{error}; to leave such files out: skip_corrupt '
                        f'(--skip-corrupt)'
                    ) from error
                print_log(f'skipped: {error}', 'current', level=30)
                skipped += 1
                continue
            try:
                image = prepare(pixels, source.index, source.name)
                if check is not None:
                    check(image)
            except ValueError as error:
                raise ValueError(f'{source.name}: {error}') from error
            yield source, image

    done = 0
    for batch in size_batches(prepared(), batch_size):
        found, images = zip(*batch, strict=True)
        yield list(found), torch.stack(images)
        done += len(batch)
        bar.update(done + skipped - bar.n)
    if not done:
        raise ValueError(f'none of the {len(sources)} images could be read')
    if skipped:
        bar.set_postfix_str(f'{skipped} skipped')
    bar.update(len(sources) - bar.n)
    bar.close()
