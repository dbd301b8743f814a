"""What a pickle in a checkpoint may name, beside tensors and plain values.

It is MMEngine's list, ``get_torch_safe_globals()``, and not all of that:
``getattr`` and ``HistoryBuffer`` can do more than hold data. MMEngine needs
the first for the methods that a ``HistoryBuffer`` notes of itself, which every
process has anyway. So both names lead to stand-ins here that take data and
nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import get_torch_safe_globals

_ARRAYS = ('_log_history', '_count_history')


class SavedHistory(HistoryBuffer):
    """A ``HistoryBuffer`` until its numbers are there, then a plain one."""

    def __setstate__(self, state: Any) -> None:
        """Takes the numbers; methods in the file are left where they are.

        Raises:
            UnpicklingError: other things than numbers.
        """
        kept = {}
        if isinstance(state, Mapping):
            kept = {k: state[k] for k in _ARRAYS if k in state}
        length = state.get('max_length') if kept else None
        numbers = all(
            isinstance(array, np.ndarray) and array.dtype.kind in 'iuf'
            for array in kept.values()
        )
        if len(kept) != len(_ARRAYS) or not numbers or type(length) is not int:
            raise UnpicklingError('a damaged HistoryBuffer')
        self._set_default_statistics()
        self.__dict__.update(kept, max_length=length)
        self.__class__ = HistoryBuffer  # type: ignore[assignment]


def no_attribute(*_: Any) -> None:
    """Stands for ``getattr`` and gets nothing."""


def _called(stand_in: Any, original: Any) -> Any:
    """A stand-in under the name by which pickles call the original."""
    for name in ('__module__', '__name__', '__qualname__'):
        setattr(stand_in, name, getattr(original, name))
    return stand_in


# A class of that name would be found in place of the one it inherits from.
_HISTORY = _called(type('SavedHistory', (SavedHistory,), {}), HistoryBuffer)
_STAND_INS = {
    getattr: _called(no_attribute, getattr),
    HistoryBuffer: _HISTORY,
}


def safe_globals() -> list[Any]:
    """What is allowed.

    ``argparse.Namespace``, in which the official MixMIM notes its arguments,
    holds values and has no code of its own.
    """
    allowed = [_STAND_INS.get(one, one) for one in get_torch_safe_globals()]
    return [*allowed, argparse.Namespace]


@contextmanager
def allowing_safe_globals() -> Iterator[None]:
    """While ``torch.load(weights_only=True)`` may take them."""
    serialization = torch.serialization
    if hasattr(serialization, 'safe_globals'):
        with serialization.safe_globals(safe_globals()):
            yield
        return
    # torch 2.4 has no such context.
    before = serialization.get_safe_globals()
    serialization.add_safe_globals(safe_globals())
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(before)
