"""Batches and epochs of a pretraining.

Those of a fine-tuning are in ``fine_tuning_settings``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import Method

# Fewest updates of an epoch, unless that makes them smaller than LEAST_UPDATE.
UPDATES = 16
# Fewest images of an update, unless the data set has fewer.
LEAST_UPDATE = 8
# Images of a forward pass beyond which a device gets no faster.
MOST_BATCH = 128
# Epochs of data sets up to so many images; larger ones have fewer.
MOST_EPOCHS, FEW_IMAGES = 800, 20_000


class Batches(NamedTuple):
    """Division of the images of an update into batches.

    Attributes:
        batch: Images of a forward pass of a device.
        accumulation: Forward passes of an update.
        update: Images of an update, of all devices.
        reason: Why so many.
    """

    batch: int
    accumulation: int
    update: int
    reason: str


def power_of_two(number: float) -> int:
    """Return the largest power of two that is not larger, 1 at least."""
    return 1 << max(0, math.floor(math.log2(max(1, number))))


def update_batches(
    images: int,
    method: Method,
    machine: Machine,
    fitting: int,
    given: int | None,
) -> Batches:
    """Choose the images of an update, and of a forward pass of a device.

    Args:
        images: Number of training images.
        method: The method.
        machine: Devices of the run.
        fitting: Images that fit into the memory of a device.
        given: Batch size of a device, if the user sets it.

    Raises:
        ValueError: There are fewer images than one update takes, or not one
            image fits.
    """
    if given is not None:
        update = given * machine.count
        if update > images:
            raise ValueError(
                f'batch_size={given} on {machine.count} devices makes '
                f'updates of {update} images, more than the {images} '
                f'training images'
            )
        return Batches(given, 1, update, 'as given')
    if fitting < 1:
        raise ValueError(
            f'no image fits into the {machine.memory / 1e9:.1f} GB that '
            f'{machine.name} available; use a smaller model or image_size'
        )
    wanted = power_of_two(
        min(max(images / UPDATES, LEAST_UPDATE), method.base_update, images)
    )
    each = max(1, wanted // machine.count)
    batch = power_of_two(min(each, fitting, MOST_BATCH))
    accumulation = max(1, each // batch)
    update = batch * accumulation * machine.count
    if update > images:
        raise ValueError(
            f'{images} images are too few for {machine.count} devices; use '
            f'devices={max(1, images // 2)} or fewer'
        )
    per_epoch = images // update
    reason = (
        f'{per_epoch:,} updates an epoch'
        if update < method.base_update
        else 'the paper'
    )
    if batch < each:
        limit = (
            f'{fitting:,} fit into {machine.memory / 1e9:.0f} GB'
            if fitting < MOST_BATCH
            else f'a device gets no faster beyond {MOST_BATCH}'
        )
        reason += f'; {limit}'
    return Batches(batch, accumulation, update, reason)


def epochs_of(images: int, method: Method) -> tuple[int, str]:
    """Return the number of epochs, and why."""
    wanted = MOST_EPOCHS * math.sqrt(min(1.0, FEW_IMAGES / images))
    found = max(method.epochs, 50 * round(wanted / 50))
    if found == method.epochs:
        return found, f'{images:,} images: the minimum, as in the paper'
    return found, (
        f'{images:,} images: {MOST_EPOCHS} up to {FEW_IMAGES:,} images, '
        f'beyond that fewer, by the square root'
    )
