"""Checkpoint to convert, with the known config of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import state_dict_of, unwrapped
from mixmae.checkpoints.loading.recorded_model import (
    channel_order,
    model_of_settings,
    recorded_model,
)
from mixmae.config.config_file import read_config
from mixmae.fileio.address import public_address


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
