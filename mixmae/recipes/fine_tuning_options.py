"""Arguments of a fine-tuning call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from mixmae.recipes.machine import Machine
from mixmae.recipes.setting import check_seed

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
        for name in (
            'image_size', 'in_channels', 'epochs', 'batch_size', 'patience',
            'lr',
        ):  # fmt: skip
            value = getattr(self, name)
            kinds = (int, float) if name == 'lr' else (int,)
            if value is not None and not (
                isinstance(value, kinds) and value > 0
            ):
                raise ValueError(
                    f'{name} must be a number above 0, got {value!r}'
                )
        if self.num_workers is not None and self.num_workers < 0:
            raise ValueError(
                f'num_workers must be 0 or more, got {self.num_workers}'
            )
        check_seed(self.seed)
        limits = self.value_range
        if limits is not None and not (
            len(limits) == 2 and limits[0] < limits[1]
        ):
            raise ValueError(
                f'value_range must be two rising numbers, got {limits!r}'
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
        return cls(**given)

    @property
    def processes(self) -> int:
        """Number of processes, one for each device."""
        return Machine.find(self.devices or 'auto').count
