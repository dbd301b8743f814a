"""Values that pickles rebuild by a call, rebuilt from checked arguments.

A pickle calls ``numpy.dtype``, ``numpy.ndarray`` and so on with arguments of
its own, and sets the state of what it gets. NumPy trusts both: a forged dtype
makes it follow any address. The classes and functions of this file take the
same arguments, check them, and note numbers. The real objects are made from
the notes once the whole pickle has been read (``plain_values``).
"""

from __future__ import annotations

import argparse
import math
import re
from typing import Any, Literal

import numpy as np
from mmengine.logging import HistoryBuffer

NUMERIC = re.compile(r'[<>|=]?(?:b1|[iu][1248]|f[248]|c(?:8|16))')
# Types that arrays in real files may have, and of which none is needed.
OTHER = re.compile(r'[<>|=]?[SUVOMmfiuc][0-9]*(?:\[\w+\])?')
BYTE_ORDERS = ('<', '>', '|', '=')
# The most that every release of NumPy allows.
MAX_DIMENSIONS = 32


class NotAllowed(ValueError):
    """Content that files of others do have, but that is not loaded."""


class Malformed(ValueError):
    """Content that no program has saved."""


class SavedValue:
    """Arguments and state of an object, until the pickle has been read.

    It has no attribute that a pickle could set by name.
    """

    __slots__ = ('state',)

    def __setstate__(self, state: Any) -> None:
        """Takes the state as it is; ``value`` checks it."""
        self.state = state

    def value(self) -> Any:
        """The real object.

        Raises:
            NotAllowed, Malformed: there is none of such a state.
        """
        raise NotImplementedError


class SavedDtype(SavedValue):
    """A ``numpy.dtype`` of numbers; of its state the byte order counts."""

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
        """Takes the byte order.

        Raises:
            Malformed: anything else is in it: fields, subarrays, metadata.
        """
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
        """The real object.

        Raises:
            Malformed: it was never called.
        """
        if not hasattr(self, 'state'):
            raise Malformed('a numpy.dtype without a name')
        return self.state


class SavedArray(SavedValue):
    """A ``numpy.ndarray`` of numbers; its content is its state.

    Raises:
        Malformed: it is called with other content, as no real file does.
    """

    __slots__ = ()

    def __init__(self, *arguments: Any) -> None:
        if arguments:
            raise Malformed('a call of numpy.ndarray')

    def value(self) -> np.ndarray:
        """The array, with memory of its own.

        Raises:
            Malformed: the bytes are not those of such a shape and type.
        """
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
        # NumPy, too, gives this machine's order of bytes.
        native = kind.newbyteorder('=')
        return flat.reshape(shape, order=order).astype(native, order='K')


class SavedHistory(SavedValue):
    """MMEngine's ``HistoryBuffer``: two arrays and a length.

    The methods that such a buffer notes of itself are left in the file; every
    process has them.
    """

    __slots__ = ()

    def value(self) -> HistoryBuffer:
        """The real object.

        Raises:
            Malformed: other things than numbers.
        """
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
        """The real object; what it holds is checked by the caller.

        Raises:
            Malformed: its state is no dict of names.
        """
        state = getattr(self, 'state', None)
        if type(state) is not dict or any(type(k) is not str for k in state):
            raise Malformed('an argparse.Namespace without names')
        namespace = argparse.Namespace()
        vars(namespace).update(state)
        return namespace


def rebuild_array(kind: Any, shape: Any, _: Any) -> SavedArray:
    """``numpy.core.multiarray._reconstruct``: an array without content.

    Raises:
        Malformed: it is of another class, or has content already.
    """
    array = isinstance(kind, type) and issubclass(kind, SavedArray)
    if not array or type(shape) is not tuple or shape != (0,):
        raise Malformed('a numpy.ndarray of another class')
    return kind()


def rebuild_scalar(dtype: Any, data: Any) -> np.generic:
    """``numpy.core.multiarray.scalar``: one number.

    Raises:
        Malformed: the bytes are not those of a number of this type.
    """
    if not isinstance(dtype, SavedDtype) or type(data) is not bytes:
        raise Malformed('a NumPy scalar that is no number')
    kind = dtype.value()
    if len(data) != kind.itemsize:
        raise Malformed(f'a NumPy scalar of type {kind} of {len(data)} bytes')
    return np.frombuffer(data, kind)[0]


def rebuild_slice(*bounds: Any) -> slice:
    """``slice`` of integers.

    Raises:
        Malformed: other bounds.
    """
    numbers = all(type(bound) in (int, type(None)) for bound in bounds)
    if not numbers or not 1 <= len(bounds) <= 3:
        raise Malformed('a slice of other things than integers')
    return slice(*bounds)


def no_attribute(*_: Any) -> None:
    """``getattr``, which gets nothing."""


def no_bytes() -> bytes:
    """``bytes``, by which pickles write empty ones."""
    return b''


def encoded(text: Any, encoding: Any = 'latin1') -> bytes:
    """``_codecs.encode``, by which pickles write bytes.

    Later releases of PyTorch than 2.4 have it on their own list.

    Raises:
        Malformed: another encoding.
    """
    if type(text) is not str or encoding != 'latin1':
        raise Malformed('bytes in another encoding than latin1')
    return text.encode('latin1')
