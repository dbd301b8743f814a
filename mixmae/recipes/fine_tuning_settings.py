"""Settings of fine-tuning on own labels that all tasks share."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mixmae.recipes.fine_tuning_options import FineTuningOptions
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.image_statistics import value_range_setting
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.learning_rate import fine_tuning_rate
from mixmae.recipes.machine import fine_tuning_workers
from mixmae.recipes.pretraining_batches import power_of_two
from mixmae.recipes.setting import Setting, settings_table

FEWEST_EPOCHS, MOST_EPOCHS = 10, 200
# Frequencies of classes that differ by more are balanced.
UNEVEN = 4.0
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.2, 5.0
T = TypeVar('T')


@dataclass(frozen=True)
class FineTuningPlan:
    """A fine-tuning before it runs.

    Attributes:
        template: The config of ours that it fills, below ``configs/``.
        settings: Values of its variables, with reasons.
        notes: What was found in the data and decided, a line each.
    """

    template: str
    settings: list[Setting]
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return what was found in the data, and the table of settings."""
        notes = ''.join(f'- {note}\n' for note in self.notes)
        return f'{notes}\n{settings_table(self.settings)}'


def derived(given: T | None, value: T, reason: str) -> tuple[T, str]:
    """Return the given value, or else the derived one, with its reason."""
    return (value, reason) if given is None else (given, 'as given')


def schedule_settings(
    options: FineTuningOptions,
    network: InitialNetwork,
    count: int,
    most: int,
    updates: int,
    base_lr: float,
    base_batch: int,
) -> list[Setting]:
    """Return batch size, workers, epochs and learning rate.

    Args:
        options: Arguments of the call.
        network: The network to start from.
        count: Number of images to train on.
        most: Largest batch that fits images of this size.
        updates: Number of updates to aim at.
        base_lr: Learning rate at ``base_batch`` images an update.
        base_batch: Images of an update.
    """
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
        min(max(wanted, FEWEST_EPOCHS), MOST_EPOCHS),
        f'about {updates:,} updates of {update} images, and '
        f'{FEWEST_EPOCHS} to {MOST_EPOCHS} epochs',
    )
    if epochs * per_epoch < 2:
        raise ValueError(
            f'epochs={epochs} of {count} images, {update} an update, are '
            f'one update, and a warm-up needs two: give more epochs or a '
            f'smaller batch_size'
        )
    rate, reason = fine_tuning_rate(
        base_lr,
        base_batch,
        update,
        small=network.is_small,
        head_only=options.freeze_backbone,
    )
    lr, why_lr = derived(options.lr, rate, reason)
    stops = 'as given: stops early' if options.patience else ''
    return [
        Setting('batch_size', batch, why_batch + each),
        Setting('num_workers', workers),
        Setting('max_epochs', epochs, why_epochs),
        Setting('lr', lr, why_lr),
        Setting('lr_batch_size', update),
        Setting('patience', options.patience, stops),
        Setting('seed', options.seed),
    ]


def warmup_updates(
    run: Sequence[Setting], options: FineTuningOptions, count: int
) -> int:
    """Return a tenth of the updates of a run, within 2 and 200.

    Args:
        run: What ``schedule_settings`` returns.
        options: Arguments of the call.
        count: Number of images to train on.
    """
    given = {one.name: one.value for one in run}
    update = given['batch_size'] * options.processes
    total = given['max_epochs'] * math.ceil(count / update)
    return max(2, min(200, total // 10))


def network_settings(
    network: InitialNetwork,
    options: FineTuningOptions,
    feature_channels: int | list[int],
    files: Sequence[str] = (),
) -> list[Setting]:
    """Return the settings that follow from network and values of images.

    Args:
        network: The network to start from.
        options: Arguments of the call.
        feature_channels: Channels of the maps that the head reads.
        files: Images to train on; without any, the range is the network's.

    Raises:
        ValueError: See ``value_range_setting``.
    """
    frozen, freezing = -1, ''
    if options.freeze_backbone:
        frozen = len(network.channels)
        freezing = 'as given: only the head is trained'
    random = network.checkpoint is None
    settings = [
        Setting(
            'pretrained',
            network.checkpoint,
            'random weights' if random else network.kind,
        ),
        Setting('network', dict(network.backbone)),
        Setting('feature_channels', feature_channels),
        Setting('mean', network.mean),
        Setting('std', network.std),
        Setting('to_rgb', network.to_rgb),
        Setting('drop_path_rate', 0.0 if network.is_small else 0.1),
        Setting('frozen_stages', frozen, freezing),
    ]
    known = network.value_range
    found = None if known is None else Setting('value_range', (*known,))
    if files:
        channels = network.backbone.get('in_channels', 3)
        sample = ImageSources(files=[*files]).values(channels)
        found = (
            value_range_setting(sample, options.value_range, known) or found
        )
    if found is not None:
        settings.append(found)
    if random:
        settings.append(
            Setting('layer_decay_rate', 1.0, 'no pretrained weights are used')
        )
    return settings


def pyramid_channels(network: InitialNetwork, task: str) -> list[int]:
    """Return the channels of three or more stages at doubling strides.

    Raises:
        ValueError: The network is no pyramid.
    """
    if len(network.channels) < 3 or len(set(network.channels)) == 1:
        raise ValueError(
            f'{task} needs a backbone of three or more stages at doubling '
            f'strides; {network.origin} has {len(network.channels)} of '
            f'{network.channels} channels: start from a Swin, PVT or Twins'
        )
    return network.channels


def class_weights(
    counts: Mapping[str, int], wanted: bool | None, unit: str
) -> tuple[list[float] | None, str]:
    """Return a weight for each class, or None if none are needed.

    Args:
        counts: Frequency of each class to train on, in their order.
        wanted: Whether to weigh; None = if frequencies differ much.
        unit: What is counted.

    Returns:
        The square root of mean over own frequency, bounded, with a mean of
        1; and the reason.
    """
    present = [count for count in counts.values() if count]
    rarest = min(counts, key=lambda name: counts[name])
    ratio = max(present) / min(present)
    told = (
        f'classes have {min(present):,} to {max(present):,} {unit}, '
        f'fewest: {rarest!r}'
        if ratio > 1
        else f'each class has {present[0]:,} {unit}'
    )
    if wanted is False:
        return None, 'as given: all classes have the same weight'
    if wanted is None and ratio <= UNEVEN:
        return None, f'{told}: within a factor of {UNEVEN:g}'
    mean = sum(present) / len(present)
    raw = [
        math.sqrt(mean / count) if count else 1.0 for count in counts.values()
    ]
    raw = [min(max(one, SMALLEST_WEIGHT), LARGEST_WEIGHT) for one in raw]
    scale = len(raw) / sum(raw)
    return [round(one * scale, 3) for one in raw], (
        f'{told}: weighted by the square root of the inverse frequency'
    )


def listed_counts(counts: Mapping[str, int]) -> str:
    """Return counts by class: all of them, or the extremes of many."""
    items = [f'{count:,} {name}' for name, count in counts.items()]
    if len(items) <= 12:
        return ', '.join(items)
    ranked = sorted(counts.items(), key=lambda item: item[1])
    few, many = (
        ', '.join(f'{count:,} {name}' for name, count in part)
        for part in (ranked[:4], ranked[:-5:-1])
    )
    return f'{len(items)} classes, most {many}, fewest {few}'


def below(path: str | os.PathLike) -> str:
    """Return an absolute path as text, for configs that are run anywhere."""
    return str(Path(path).resolve())
