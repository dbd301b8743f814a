"""Values that pickles rebuild by a call, rebuilt from checked arguments.

A pickle calls ``numpy.dtype``, ``numpy.ndarray`` and others with arguments of
its own and sets the state of the result. NumPy trusts both: a forged dtype
makes it read any address. The classes and functions of this module take the
same arguments, check them and store plain numbers; other arguments raise
``Malformed``, or ``NotAllowed`` for what other software saves. The real
objects are created once the whole pickle has been read (``plain_values``).
"""

from __future__ import annotations

import argparse
import math
import re
from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
from mmengine.logging import HistoryBuffer

NUMERIC = re.compile(r'[<>|=]?(?:b1|[iu][1248]|f[248]|c(?:8|16))')
# Dtypes of arrays in real files, none of which is needed.
OTHER = re.compile(r'[<>|=]?[SUVOMmfiuc][0-9]*(?:\[\w+\])?')
BYTE_ORDERS = ('<', '>', '|', '=')
# Maximum that every release of NumPy allows.
MAX_DIMENSIONS = 32


class NotAllowed(ValueError):
    """Content that occurs in files of other software but is not loaded."""


class Malformed(ValueError):
    """Content that no program saves."""


class SavedValue(ABC):
    """Arguments and state of an object until the pickle has been read.

    It has no attribute that a pickle could set by name.
    """

    __slots__ = ('state',)

    def __setstate__(self, state: Any) -> None:
        """Store the state unchecked; ``value`` checks it."""
        self.state = state

    @abstractmethod
    def value(self) -> Any:
        """Return the real object, if the state is valid."""


class SavedDtype(SavedValue):
    """A numeric ``numpy.dtype``; only the byte order of its state is used."""

    __slots__ = ()

    def __init__(self, code: Any, align: Any = 0, copy: Any = 0) -> None:
        flags = all(type(flag) in (bool, int) for flag in (align, copy))
        if type(code) is not str or not flags:
            raise Malformed('a numpy.dtype that is not made by name')
        if not NUMERIC.fullmatch(code):
            if OTHER.fullmatch(code):
                raise NotAllowed(f'holds a NumPy array of type {code}')
            raise Malformed(f'a numpy.dtype of name {code!r}')
        self.state = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        """Store the byte order; fields, subarrays and metadata are refused."""
        # Version, byte order, subarray, names, fields, size, alignment, flags.
        if (
            type(state) is not tuple
            or len(state) != 8
            or type(state[1]) is not str
            or state[1] not in BYTE_ORDERS
            or any(part is not None for part in state[2:5])
            or any(type(part) is not int for part in (state[0], *state[5:]))
        ):
            raise Malformed('a numpy.dtype that is changed into another one')
        self.state = np.dtype(state[1] + self.value().str[1:])

    def value(self) -> np.dtype:
        """Return the real object."""
        if not hasattr(self, 'state'):
            raise Malformed('a numpy.dtype without a name')
        return self.state


class SavedArray(SavedValue):
    """A numeric ``numpy.ndarray``; its content is in its state."""

    __slots__ = ()

    def __init__(self, *arguments: Any) -> None:
        if arguments:
            raise Malformed('a call of numpy.ndarray')

    def value(self) -> np.ndarray:
        """Return the array, with its own memory."""
        state = getattr(self, 'state', None)
        if type(state) is not tuple or len(state) != 5:
            raise Malformed('a numpy.ndarray without its content')
        _, shape, dtype, fortran, data = state
        if (
            type(shape) is not tuple
            or len(shape) > MAX_DIMENSIONS
            or any(type(size) is not int or size < 0 for size in shape)
            or not isinstance(dtype, SavedDtype)
            or type(fortran) not in (bool, int)
            or type(data) is not bytes
        ):
            raise Malformed('a numpy.ndarray whose content is not numbers')
        kind = dtype.value()
        if math.prod(shape) * kind.itemsize != len(data):
            raise Malformed(
                f'a numpy.ndarray of shape {shape} with {len(data)} bytes'
            )
        order: Literal['C', 'F'] = 'F' if fortran else 'C'
        flat = np.frombuffer(data, kind) if data else np.empty(0, kind)
        # NumPy also converts to the native byte order.
        native = kind.newbyteorder('=')
        return flat.reshape(shape, order=order).astype(native, order='K')


class SavedHistory(SavedValue):
    """MMEngine's ``HistoryBuffer``: two arrays and a length.

    The methods that the file lists are ignored; every process has them.
    """

    __slots__ = ()

    def value(self) -> HistoryBuffer:
        """Return the real object."""
        state = getattr(self, 'state', None)
        found = state if type(state) is dict else {}
        length = found.get('max_length')
        saved = [found.get(k) for k in ('_log_history', '_count_history')]
        arrays = [one.value() for one in saved if isinstance(one, SavedArray)]
        if (
            len(arrays) != len(saved)
            or type(length) is not int
            or any(one.dtype.kind not in 'iuf' for one in arrays)
            or any(one.shape != (arrays[0].size,) for one in arrays)
        ):
            raise Malformed('a HistoryBuffer of other things than numbers')
        history = HistoryBuffer(max_length=length)
        history._log_history, history._count_history = arrays
        return history


class SavedNamespace(SavedValue):
    """An ``argparse.Namespace``."""

    __slots__ = ()

    def value(self) -> argparse.Namespace:
        """Return the real object; the caller checks its content."""
        state = getattr(self, 'state', None)
        if type(state) is not dict or any(type(k) is not str for k in state):
            raise Malformed('an argparse.Namespace without names')
        namespace = argparse.Namespace()
        vars(namespace).update(state)
        return namespace


def rebuild_array(kind: Any, shape: Any, _: Any) -> SavedArray:
    """``numpy.core.multiarray._reconstruct``: an array without content."""
    array = isinstance(kind, type) and issubclass(kind, SavedArray)
    if not array or type(shape) is not tuple or shape != (0,):
        raise Malformed('a numpy.ndarray of another class')
    return kind()


def rebuild_scalar(dtype: Any, data: Any) -> np.generic:
    """``numpy.core.multiarray.scalar``: one number."""
    if not isinstance(dtype, SavedDtype) or type(data) is not bytes:
        raise Malformed('a NumPy scalar that is no number')
    kind = dtype.value()
    if len(data) != kind.itemsize:
        raise Malformed(f'a NumPy scalar of type {kind} of {len(data)} bytes')
    return np.frombuffer(data, kind)[0]


def rebuild_slice(*bounds: Any) -> slice:
    """``slice`` of integers."""
    numbers = all(type(bound) in (int, type(None)) for bound in bounds)
    if not numbers or not 1 <= len(bounds) <= 3:
        raise Malformed('a slice of other things than integers')
    return slice(*bounds)


def no_attribute(*_: Any) -> None:
    """``getattr`` that returns no attribute."""


def no_bytes() -> bytes:
    """``bytes``, which pickles call for empty bytes."""
    return b''


def encoded(text: Any, encoding: Any = 'latin1') -> bytes:
    """``_codecs.encode``, which pickles call for bytes.

    PyTorch releases after 2.4 have it on their own list.
    """
    if type(text) is not str or encoding != 'latin1':
        raise Malformed('bytes in another encoding than latin1')
    return text.encode('latin1')
