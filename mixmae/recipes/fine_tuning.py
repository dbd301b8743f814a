"""Settings of fine-tuning on own labels that all tasks share."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.learning_rate import fine_tuning_rate
from mixmae.recipes.setting import Setting, check_seed

FEWEST_EPOCHS, MOST_EPOCHS = 10, 200
# Frequencies of classes that differ by more are balanced.
UNEVEN = 4.0
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.2, 5.0


@dataclass(frozen=True)
class FineTuningOptions:
    """Arguments of a fine-tuning that stand for a derived setting.

    Attributes:
        classes: Names of the classes; None = those of the data.
        val_data: Validation data; None = found, or split off.
        val_share: Share to split off.
        images: Folder of the images that a CSV or JSON names.
        image_size: Side in pixels; None = derived.
        epochs: Number of epochs; None = derived.
        batch_size: Images of an update; None = derived.
        lr: Learning rate; None = derived.
        freeze_backbone: Train only the head.
        class_weights: Balance rare classes; None = where they are rare.
        patience: Epochs without improvement before the run stops.
        num_workers: Processes that load; None = derived.
        reduce_zero_label: Ignore 0 in masks; None = derived.
        seed: Seed of the run and of the validation share.
    """

    classes: Sequence[str] | None = None
    val_data: str | os.PathLike | None = None
    val_share: float = 0.2
    images: str | os.PathLike | None = None
    image_size: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    freeze_backbone: bool = False
    class_weights: bool | None = None
    patience: int | None = None
    num_workers: int | None = None
    reduce_zero_label: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('image_size', 'epochs', 'batch_size', 'patience', 'lr'):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f'{name} must be more than 0, got {value}')
        if self.num_workers is not None and self.num_workers < 0:
            raise ValueError(
                f'num_workers must be 0 or more, got {self.num_workers}'
            )
        check_seed(self.seed)


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


def derived(
    given: float | None, value: float, reason: str
) -> tuple[float, str]:
    """Return the given value, or else the derived one, with its reason."""
    return (value, reason) if given is None else (given, 'as given')


def run_settings(
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
    fitting = max(1, min(most, count // 2))
    batch, why = derived(
        options.batch_size,
        1 << (fitting.bit_length() - 1),
        f'at most {most} images of this size, at least two updates an epoch',
    )
    batch = int(batch)
    if batch > count:
        raise ValueError(
            f'batch_size={batch} is more than the {count} images to train on'
        )
    settings = [Setting('batch_size', batch, why)]
    cores = len(os.sched_getaffinity(0)) if _has_affinity() else 1
    workers, _ = derived(options.num_workers, min(4, max(0, cores - 1)), '')
    settings.append(Setting('num_workers', int(workers)))
    per_epoch = math.ceil(count / batch)
    wanted = math.ceil(updates / per_epoch)
    epochs, why = derived(
        options.epochs,
        min(max(wanted, FEWEST_EPOCHS), MOST_EPOCHS),
        f'about {updates:,} updates of {batch} images, and '
        f'{FEWEST_EPOCHS} to {MOST_EPOCHS} epochs',
    )
    settings.append(Setting('max_epochs', int(epochs), why))
    rate, words = fine_tuning_rate(
        base_lr,
        base_batch,
        batch,
        small=network.is_small,
        head_only=options.freeze_backbone,
    )
    lr, why = derived(options.lr, rate, words)
    settings.append(Setting('lr', lr, why))
    settings.append(Setting('patience', options.patience))
    if options.patience:
        settings[-1] = Setting(
            'patience', options.patience, 'as given: stops early'
        )
    return settings


def network_settings(
    network: InitialNetwork,
    options: FineTuningOptions,
    in_channels: int | list[int],
) -> list[Setting]:
    """Return the settings that follow from the network."""
    frozen = len(network.channels) if options.freeze_backbone else -1
    settings = [
        Setting('pretrained', network.checkpoint, network.kind),
        Setting('network', dict(network.backbone)),
        Setting('in_channels', in_channels),
        Setting('mean', network.mean),
        Setting('std', network.std),
        Setting('to_rgb', network.to_rgb),
        Setting('drop_path_rate', 0.0 if network.is_small else 0.1),
        Setting('frozen_stages', frozen),
    ]
    if options.freeze_backbone:
        settings[-1] = Setting(
            'frozen_stages', frozen, 'as given: only the head is trained'
        )
    if network.value_range is not None:
        low, high = network.value_range
        settings.append(Setting('value_range', (low, high)))
    if network.checkpoint is None:
        settings[0] = Setting('pretrained', None, 'random weights')
        settings.append(
            Setting('layer_decay_rate', 1.0, 'no pretrained weights are used')
        )
    return settings


def pyramid_channels(network: InitialNetwork, task: str) -> list[int]:
    """Return the channels of four stages at strides such as 4 to 32.

    Raises:
        ValueError: The network is no pyramid.
    """
    if len(network.channels) != 4 or len(set(network.channels)) == 1:
        raise ValueError(
            f'{task} needs a backbone of four stages at doubling strides; '
            f'{network.origin} has {len(network.channels)} of '
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


def _has_affinity() -> bool:
    return hasattr(os, 'sched_getaffinity')
