"""State dict of a checkpoint, without wrappers, and its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Before every key: of DDP, of torch.compile, of Lightning.
_WRAPPERS = ('module.', '_orig_mod.', 'model.')


def state_dict_of(
    content: Mapping, source: str | os.PathLike = ''
) -> Mapping[str, Tensor]:
    """Return the tensors of a checkpoint by name.

    Args:
        content: Content of a checkpoint file: with 'state_dict', with 'model',
            or itself a state dict.
        source: Path of the file, for messages.

    Raises:
        ValueError: There is no state dict: a key is not text, or a value is
            not a tensor.
    """
    state = content.get('state_dict', content.get('model', content))
    check_state_dict(state, source)
    return state


def unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return a state dict without prefixes of wrappers before all keys."""
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in state):
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def without_prefix(
    state: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """Return the tensors of one part, without the prefix of their keys."""
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix)
    }


def check_state_dict(state: Any, source: str | os.PathLike = '') -> None:
    """Raise ``ValueError`` unless it maps text to tensors."""
    if not isinstance(state, Mapping):
        raise ValueError(
            f'{_start(source)} but an object of type {type(state).__name__}'
        )
    check_names(state, source)
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{_start(source)}: {key} is an object of type '
                f'{type(value).__name__}, not a tensor'
            )


def check_names(state: Mapping, source: str | os.PathLike = '') -> None:
    """Raise ``ValueError`` unless all keys are text."""
    for key in state:
        if not isinstance(key, str):
            raise ValueError(
                f'{_start(source)}: the key {key!r} is an object of type '
                f'{type(key).__name__}, not the name of a tensor'
            )


def _start(source: str | os.PathLike) -> str:
    return f'{source} contains no state dict' if source else 'no state dict'
