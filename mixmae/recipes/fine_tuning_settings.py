"""Arguments of a fine-tuning, and the settings that all tasks share."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeVar

from mixmae.recipes.config_template import Setting, settings_table
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.image_statistics import value_range_setting
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.machine import Machine
from mixmae.recipes.option_checks import check_options

# Variables of the configs that have an argument of the call.
ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        'data_root': 'data',
        'train_data': 'data',
        'train_file': 'data',
        'val_data': 'val_data',
        'val_file': 'val_data',
        'img_dir': 'images',
        'classes': 'classes',
        'pretrained': 'init',
        'value_range': 'value_range',
        'img_size': 'image_size',
        'batch_size': 'batch_size',
        'max_epochs': 'epochs',
        'lr': 'lr',
        'patience': 'patience',
        'frozen_stages': 'freeze_backbone',
        'class_weight': 'class_weights',
        'reduce_zero_label': 'reduce_zero_label',
        'seed': 'seed',
    }
)
# Frequencies of classes that differ by more are balanced.
UNEVEN = 4.0
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.2, 5.0
T = TypeVar('T')


@dataclass(frozen=True)
class FineTuningOptions:
    """Arguments of a fine-tuning that stand for a derived setting.

    Attributes:
        classes: Names of the classes; None = those of the data.
        val_data: Validation data; None = found, or split off.
        val_share: Share to split off.
        images: Folder of the images that a CSV or JSON names.
        image_size: Side in pixels; None = derived.
        in_channels: Channels of the images; None = those of the weights. RGB
            weights are adapted to other numbers.
        value_range: Sample values of black and white of images of other than
            8 bits; None = that of the weights, or measured.
        epochs: Number of epochs; None = derived.
        batch_size: Images of an update on one device; None = derived.
        lr: Learning rate; None = derived.
        freeze_backbone: Train only the head.
        class_weights: Balance rare classes; None = where they are rare.
        patience: Epochs without improvement before the run stops.
        num_workers: Processes that load; None = derived.
        reduce_zero_label: Ignore 0 in masks; None = derived.
        seed: Of the run and of the validation share.
        devices: See ``Machine.find``; None = all GPUs, or one process.
    """

    classes: Sequence[str] | None = None
    val_data: str | os.PathLike | None = None
    val_share: float = 0.2
    images: str | os.PathLike | None = None
    image_size: int | None = None
    in_channels: int | None = None
    value_range: Sequence[float] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    freeze_backbone: bool = False
    class_weights: bool | None = None
    patience: int | None = None
    num_workers: int | None = None
    reduce_zero_label: bool | None = None
    seed: int = 0
    devices: int | str | None = None

    def __post_init__(self) -> None:
        check_options(
            self,
            'image_size', 'in_channels', 'epochs', 'batch_size', 'patience',
            'lr', 'devices',
        )  # fmt: skip
        workers = self.num_workers
        if workers is not None and (type(workers) is not int or workers < 0):
            raise ValueError(
                f'num_workers must be a whole number of 0 or more, got '
                f'{workers!r}'
            )

    @classmethod
    def of_call(cls, arguments: Mapping[str, Any]) -> FineTuningOptions:
        """Return the options that a call names; 'auto' as None.

        Raises:
            ValueError: There is no such option, or one is out of range.
        """
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            raise ValueError(
                f'unknown arguments {", ".join(unknown)}; there are '
                f'{", ".join(known)}'
            )
        given: dict[str, Any] = {
            k: None if v == 'auto' else v for k, v in arguments.items()
        }
        for name in ('val_data', 'images'):
            if given.get(name) is not None:
                given[name] = os.path.expanduser(given[name])
        return cls(**given)

    @property
    def processes(self) -> int:
        """Number of processes, one for each device."""
        return Machine.find(self.devices or 'auto').count


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


def network_settings(
    network: InitialNetwork,
    options: FineTuningOptions,
    feature_channels: int | list[int],
    files: Sequence[str] = (),
) -> list[Setting]:
    """Return the settings that follow from network and values of images.

    Args:
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
    known = network.value_range
    found = None if known is None else Setting('value_range', (*known,))
    reading = ''
    if files:
        channels = network.backbone.get('in_channels', 3)
        sample = ImageSources(files=[*files]).values(channels)
        found = (
            value_range_setting(sample, options.value_range, known) or found
        )
        if channels == 1 and sample.grey < sum(sample.kinds.values()):
            reading = 'the weights have one channel: colours are read as grey'
    settings = [
        Setting(
            'pretrained',
            network.checkpoint,
            'random weights' if random else network.kind,
        ),
        Setting('network', dict(network.backbone)),
        Setting('feature_channels', feature_channels),
        Setting('mean', network.mean, reading),
        Setting('std', network.std),
        Setting('to_rgb', network.to_rgb),
        Setting('drop_path_rate', 0.0 if network.is_small else 0.1),
        Setting('frozen_stages', frozen, freezing),
    ]
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
    if not network.is_pyramid:
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
    counted = (
        f'classes have {min(present):,} to {max(present):,} {unit}, '
        f'fewest: {rarest!r}'
        if ratio > 1
        else f'each class has {present[0]:,} {unit}'
    )
    if wanted is False:
        return None, 'as given: all classes have the same weight'
    if wanted is None and ratio <= UNEVEN:
        return None, f'{counted}: within a factor of {UNEVEN:g}'
    mean = sum(present) / len(present)
    raw = [
        math.sqrt(mean / count) if count else 1.0 for count in counts.values()
    ]
    raw = [min(max(one, SMALLEST_WEIGHT), LARGEST_WEIGHT) for one in raw]
    scale = len(raw) / sum(raw)
    return [round(one * scale, 3) for one in raw], (
        f'{counted}: weighted by the square root of the inverse frequency'
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
