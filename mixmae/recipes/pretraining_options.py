"""Arguments of a pretraining call, and what they refer to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from mixmae.engine.optimizers.autocast_optim_wrapper import DTYPES
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.initial_network import ContinuedModel, GivenModel
from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import Method
from mixmae.recipes.networks import Network, patch_size
from mixmae.recipes.option_checks import check_options

PRECISIONS = ('auto', *DTYPES)
# Variables of the config that have an argument of the call.
ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        'data_root': 'data',
        'train_data': 'data',
        'val_data': 'val_data',
        'img_size': 'image_size',
        'init_cfg': 'init',
        'value_range': 'value_range',
        'batch_size': 'batch_size',
        'max_epochs': 'epochs',
        'lr': 'lr',
        'precision': 'precision',
        'seed': 'seed',
    }
)


@dataclass(frozen=True)
class PretrainingOptions:
    """Arguments of ``mixmae.pretrain``; None or 'auto' is derived.

    Raises:
        ValueError: One is out of range; names it.
    """

    data: Any
    model: str | None = None
    method: str | None = None
    val_data: Any = None
    image_size: int | str = 'auto'
    in_channels: int = 3
    value_range: Sequence[float] | str = 'auto'
    init: str | os.PathLike | None = None
    epochs: int | str = 'auto'
    batch_size: int | str = 'auto'
    lr: float | str = 'auto'
    devices: int | str = 'auto'
    precision: str = 'auto'
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('data', 'val_data'):
            places = getattr(self, name)
            if isinstance(places, Iterator):
                # It can be read only once.
                object.__setattr__(self, name, [*places])
        check_options(
            self, 'image_size', 'epochs', 'batch_size', 'lr', 'devices'
        )
        if not isinstance(self.in_channels, int) or self.in_channels < 1:
            raise ValueError(
                f'in_channels must be a whole number above 0, got '
                f'{self.in_channels!r}'
            )
        if self.precision not in PRECISIONS:
            raise ValueError(
                f'precision must be one of {", ".join(PRECISIONS)}, got '
                f'{self.precision!r}'
            )

    def given(self, name: str) -> Any:
        """Return an argument; ``None`` if it is to be derived."""
        value = getattr(self, name)
        return None if value == 'auto' else value


class PretrainingCall(NamedTuple):
    """Arguments of a call, machine, method, network, images and start.

    Attributes:
        given: Model of a config; ``None`` for a named network.
        start: Weights that determine the network; ``None`` without them.
    """

    options: PretrainingOptions
    machine: Machine
    method: Method
    network: Network
    given: GivenModel | None
    images: ImageSources
    start: ContinuedModel | None = None

    def patch(self, image_size: int) -> int:
        """Return the side of a patch: that of the weights, or derived."""
        if self.start:
            return self.start.patch
        return patch_size(self.network, image_size)
