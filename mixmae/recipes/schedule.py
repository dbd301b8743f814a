"""Batches, epochs, warm-up and learning rates of recipes.

The rate is scaled by the square root of the images of an update, gradient
accumulation included (arXiv:2205.10287). ``mixmae train --auto-scale-lr`` is
MMEngine's rule, which recipes do not use: linear, without accumulation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from mixmae.recipes.config_template import Code, Setting
from mixmae.recipes.fine_tuning_settings import FineTuningOptions, derived
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.machine import Machine, fine_tuning_workers
from mixmae.recipes.methods import SMALL_LR, SMALL_UPDATE, Method
from mixmae.recipes.networks import Network

# Fewest updates of an epoch, unless that makes them smaller than LEAST_UPDATE.
UPDATES = 16
# Fewest images of an update, unless the data set has fewer.
LEAST_UPDATE = 8
# Images of a forward pass beyond which a device gets no faster.
MOST_BATCH = 128
# Epochs of a pretraining on up to so many images; larger sets have fewer.
MOST_EPOCHS, FEW_IMAGES = 800, 20_000
# Epochs of a fine-tuning, at least and at most.
FEWEST_EPOCHS, LONGEST_EPOCHS = 10, 200


class FineTuningReference(NamedTuple):
    """Published schedule of a task, which those of own images follow.

    Attributes:
        updates: Number of updates to aim at, on own images.
        lr: Peak learning rate.
        batch: Images of an update.
        size: Width and height of an image.
        largest_batch: Images of an update at most, of small images.
        warmup: Variable of its config: 'warmup_epochs' or 'warmup_iters'.
    """

    updates: int
    lr: float
    batch: int
    size: tuple[int, int]
    largest_batch: int
    warmup: str = 'warmup_iters'

    def batch_of(self, width: int, height: int) -> int:
        """Return how many images of a size have as many pixels."""
        pixels = self.batch * math.prod(self.size)
        return max(1, min(self.largest_batch, pixels // (width * height)))


FINE_TUNINGS = {
    'classification': FineTuningReference(
        2_000, 5e-4, 32, (224, 224), 64, 'warmup_epochs'
    ),
    'detection': FineTuningReference(3_000, 1e-4, 2, (1333, 800), 8),
    'segmentation': FineTuningReference(3_000, 2e-4, 4, (512, 512), 16),
}


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


def pretraining_batches(
    images: int,
    method: Method,
    machine: Machine,
    fitting: int,
    given: int | None,
) -> Batches:
    """Choose the images of an update of a pretraining, and of each batch.

    Args:
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


def pretraining_epochs(images: int, method: Method) -> tuple[int, str]:
    """Return the number of epochs of a pretraining, and why."""
    wanted = MOST_EPOCHS * math.sqrt(min(1.0, FEW_IMAGES / images))
    found = max(method.epochs, 50 * round(wanted / 50))
    if found == method.epochs:
        return found, f'{images:,} images: the fewest of {method.name}'
    return found, (
        f'{images:,} images: {MOST_EPOCHS} up to {FEW_IMAGES:,} images, '
        f'beyond that fewer, by the square root'
    )


def pretraining_rate(
    method: Method, network: Network, update: int
) -> tuple[float, str]:
    """Return the learning rate of a pretraining, and its reason.

    The reference is the paper or, for small networks, our mini networks.

    Args:
        update: Images of an update, of all devices.
    """
    base, reference, whose = method.base_lr, method.base_update, 'the paper'
    if network.is_small:
        base, reference, whose = SMALL_LR, SMALL_UPDATE, 'our mini networks'
    return _scaled(base, reference, update), (
        f'{base:g} at {reference:,} images an update ({whose}), scaled by '
        f'the square root to {update:,}'
    )


def pretraining_warmup(method: Method) -> Setting:
    """Return the warm-up of a pretraining, computed in its config."""
    share = f'max_epochs / {method.warmup_divisor}'
    return Setting(
        'warmup_epochs',
        # Of a short run one epoch, or half of the run.
        Code(f'max({share}, min(1, max_epochs / 2))'),
        f'{share} as in the paper, but at least 1 or half of the run',
    )


def fine_tuning_schedule(
    options: FineTuningOptions,
    network: InitialNetwork,
    count: int,
    size: tuple[int, int],
    reference: FineTuningReference,
) -> list[Setting]:
    """Return batch size, epochs, learning rate and warm-up of a fine-tuning.

    The warm-up is a tenth of the run, within 1 and 5 epochs, or within 2 and
    200 updates.

    Args:
        count: Number of images to train on.
        size: Width and height of the images.
    """
    most, updates = reference.batch_of(*size), reference.updates
    devices = options.processes
    fitting = max(1, min(most, count // (2 * devices)))
    batch, why_batch = derived(
        options.batch_size,
        power_of_two(fitting),
        f'at most {most} images of this size, at least two updates an epoch',
    )
    each = '' if devices == 1 else f' on each of {devices} devices'
    if batch * devices > count:
        raise ValueError(
            f'batch_size={batch}{each} is more than the {count} images to '
            f'train on'
        )
    workers, _ = derived(options.num_workers, fine_tuning_workers(), '')
    update = batch * devices
    per_epoch = math.ceil(count / update)
    wanted = math.ceil(updates / per_epoch)
    epochs, why_epochs = derived(
        options.epochs,
        min(max(wanted, FEWEST_EPOCHS), LONGEST_EPOCHS),
        f'about {updates:,} updates of {update} images, and '
        f'{FEWEST_EPOCHS} to {LONGEST_EPOCHS} epochs',
    )
    if epochs * per_epoch < 2:
        raise ValueError(
            f'epochs={epochs} of {count} images, {update} an update, are '
            f'one update, and a warm-up needs two: give more epochs or a '
            f'smaller batch_size'
        )
    rate, reason = fine_tuning_rate(
        reference.lr,
        reference.batch,
        update,
        small=network.is_small,
        head_only=options.freeze_backbone,
    )
    lr, why_lr = derived(options.lr, rate, reason)
    stops = 'as given: stops early' if options.patience else ''
    if reference.warmup == 'warmup_epochs':
        warmup = min(5, max(1, epochs // 10))
    else:
        warmup = max(2, min(200, epochs * per_epoch // 10))
    return [
        Setting('batch_size', batch, why_batch + each),
        Setting('num_workers', workers),
        Setting('max_epochs', epochs, why_epochs),
        Setting('lr', lr, why_lr),
        Setting('lr_batch_size', update),
        Setting('patience', options.patience, stops),
        Setting('seed', options.seed),
        Setting(reference.warmup, warmup),
    ]


def fine_tuning_rate(
    base: float, reference: int, update: int, small: bool, head_only: bool
) -> tuple[float, str]:
    """Return the learning rate of a fine-tuning, and its reason.

    Args:
        base: Learning rate of the reference.
        reference: Images of an update of the reference.
    """
    reason = f'{base:g} at {reference} images, by the square root'
    if small:
        base, reason = 4 * base, f'{reason}; 4 times that for a small network'
    if head_only:
        base, reason = 4 * base, f'{reason}; 4 times that for the head'
    return _scaled(base, reference, update), reason


def _scaled(base: float, reference: int, update: int) -> float:
    return float(f'{base * math.sqrt(update / reference):.2g}')
