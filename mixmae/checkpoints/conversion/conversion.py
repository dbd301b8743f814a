"""A conversion: the checkpoint to convert, and the result with its report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.checkpoints.io.state_dict import state_dict_of, unwrapped
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.checkpoints.loading.recorded_model import (
    channel_order,
    model_of_settings,
    recorded_model,
)
from mixmae.config.config_file import read_config
from mixmae.fileio.address import public_address
from mixmae.fileio.atomic_write import atomic_write

_OUR_TABLE = '.attn.position_bias.table'


@dataclass(frozen=True)
class Source:
    """Content of a checkpoint.

    Attributes:
        path: Path of the file, or its URL without secrets.
        state: All its tensors, under their own names.
        model: Recorded configs of ``backbone``, ``neck`` and
            ``data_preprocessor``; empty if there are none.
    """

    path: str
    state: Mapping[str, Tensor]
    model: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """Return the recorded config of a part of the model.

        Raises:
            ValueError: No config of it is recorded.
        """
        config = self.model.get(name)
        if not isinstance(config, Mapping):
            raise ValueError(
                f'{self.path} does not record how its {name} was built, and '
                'its tensors do not determine it; pass the config of its run '
                'with --config CONFIG'
            )
        return dict(config)

    def preprocessing(self) -> dict[str, Any]:
        """Return mean, std, channel order and value range of the training.

        Raises:
            ValueError: They are not recorded.
        """
        config = self.part('data_preprocessor')
        if 'channel_order' in config:
            return config
        if config.get('mean') is None or config.get('std') is None:
            raise ValueError(
                f'{self.path}: its data_preprocessor has no mean and std; '
                'pass a config that has them with --config CONFIG'
            )
        found = {
            'mean': [float(x) for x in config['mean']],
            'std': [float(x) for x in config['std']],
            'channel_order': channel_order(config),
        }
        if config.get('value_range') is not None:
            found['value_range'] = [float(x) for x in config['value_range']]
        return found

    def recorded_preprocessing(self) -> dict[str, Any] | None:
        """Return ``preprocessing``, or ``None`` if none is recorded."""
        recorded = 'data_preprocessor' in self.model
        return self.preprocessing() if recorded else None


def refuse_ours(source: Source) -> None:
    """Raise ``ValueError`` if the file is in mixmae's format already."""
    ours = [key for key in source.state if key.endswith(_OUR_TABLE)]
    if ours:
        raise ValueError(
            f'{source.path} already is a mixmae checkpoint (it has '
            f'{ours[0]}); use it without conversion'
        )


def read_source(path: str | Path, config: str | Path | None = None) -> Source:
    """Read a checkpoint safely, with the config of its model.

    Args:
        path: Path of a checkpoint or safetensors file, or its URL.
        config: Config file of its run, which is executed like any config; None
            = the config in the checkpoint, which is not executed.

    Raises:
        ValueError: The file cannot be read, or has no state dict.
    """
    content = safe_load(path)
    shown = public_address(str(path))
    state = unwrapped(state_dict_of(content, shown))
    if not state:
        raise ValueError(f'{shown} contains no state dict')
    if config is not None:
        model = model_of_settings(read_config(config).to_dict())
    else:
        meta = content.get('meta')
        model = recorded_model(meta if isinstance(meta, Mapping) else {})
    return Source(shown, state, model)


@dataclass
class Conversion:
    """A converted checkpoint before it is written.

    Attributes:
        state: Tensors under their new names.
        report: Report on each key.
        model: Configs of the parts of the model for this state.
        source: Origin of the weights.
        bare: Whether it is a backbone for a safetensors file.
        remark: Remark on the origin of the weights of such a file; '' = none.
    """

    state: Mapping[str, Tensor]
    report: KeyReport
    model: Mapping[str, Any]
    source: str
    bare: bool = False
    remark: str = ''

    def write(self, path: Path) -> None:
        """Write the file atomically.

        Raises:
            ValueError: Keys do not fit, or the suffix is not that of the
                format.
        """
        if not self.report.complete:
            raise ValueError('keys do not match; nothing was written')
        check_suffix(path, self.bare)
        name = os.path.basename(public_address(self.source))
        if self.bare:
            write_safetensors(
                path,
                self.state,
                self.model['backbone'],
                self.model['data_preprocessor'],
                f'converted from {name}'
                + (self.remark and f', {self.remark}'),
            )
            return
        meta = {'source': name, 'grade': 'converted', 'model': self.model}
        with atomic_write(path) as partial:
            torch.save({'state_dict': dict(self.state), 'meta': meta}, partial)


def check_suffix(path: Path, bare: bool) -> None:
    """Raise ``ValueError`` unless the suffix is that of the format.

    A ``bare`` backbone is a safetensors file.
    """
    suffix = '.safetensors'
    if bare != (path.suffix == suffix):
        wanted = 'must end' if bare else 'must not end'
        raise ValueError(f'{path} {wanted} in {suffix}; nothing was written')


def describe(model: Mapping[str, Any]) -> str:
    """Format configs as Python code on one line."""
    return ', '.join(f'{name}={_call(part)}' for name, part in model.items())


def _call(value: Any) -> str:
    if isinstance(value, Mapping) and all(k.isidentifier() for k in value):
        return f'dict({describe(value)})'
    return repr(value)
