"""Conversion of loaded content to tensors, numbers, text and containers."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixmae.checkpoints.io.saved_values import (
    Malformed,
    NotAllowed,
    SavedNamespace,
    SavedValue,
)

# Limit of nested containers; configs are about ten deep.
MAX_DEPTH = 100
KEYS = (type(None), bool, int, float, complex, str, bytes)
SCALARS = (*KEYS, bytearray, slice, torch.Size, torch.dtype, torch.device)
NUMBERS = (np.bool_, np.number)
DICTS = (dict, OrderedDict, Counter)


def plain_values(content: Any) -> Any:
    """Replace saved values in loaded content by real objects.

    Dicts and lists are changed in place; shared objects stay shared.

    Raises:
        NotAllowed: It contains an object of another type, such as a function.
        Malformed: A container contains itself or is nested more than
            ``MAX_DEPTH`` deep; a tensor has no data; a dict has attributes.
    """
    return _Conversion().of(content, 0)[0]


class _Conversion:
    """One pass over the content.

    Attributes:
        done: Maps id to new value, height (1 + that of its content for a
            container) and old value, which keeps the id in use.
        open: Ids of the containers around the current one.
    """

    def __init__(self) -> None:
        self.done: dict[int, tuple[Any, int, Any]] = {}
        self.open: set[int] = set()

    def of(self, value: Any, depth: int) -> tuple[Any, int]:
        kind = type(value)
        if kind in SCALARS or isinstance(value, NUMBERS):
            return value, 0
        if id(value) in self.open:
            raise Malformed(f'a {kind.__name__} that contains itself')
        if id(value) not in self.done:
            # Limits the recursion; a shared value may occur deeper elsewhere.
            _check_depth(depth)
            self.open.add(id(value))
            new, height = self._converted(value, depth)
            self.open.remove(id(value))
            self.done[id(value)] = new, height, value
        new, height, _ = self.done[id(value)]
        _check_depth(depth + height)
        return new, height

    def _converted(self, value: Any, depth: int) -> tuple[Any, int]:
        kind = type(value)
        if isinstance(value, SavedNamespace):
            new = value.value()
            return new, self._dict(vars(new), depth)
        if isinstance(value, SavedValue):
            return value.value(), 0
        if kind in (Tensor, nn.Parameter):
            _check_tensor(value)
            return value, 0
        if kind in DICTS:
            return value, self._dict(value, depth)
        if kind is set:
            for one in value:
                _check_key(one)
            return value, 1
        if kind not in (list, tuple):
            raise NotAllowed(f'holds an object of type {kind.__qualname__}')
        found = [self.of(one, depth + 1) for one in value]
        height = 1 + max((inside for _, inside in found), default=0)
        if kind is list:
            value[:] = [new for new, _ in found]
        elif any(new is not old for (new, _), old in zip(found, value)):
            value = tuple(new for new, _ in found)
        return value, height

    def _dict(self, value: dict, depth: int) -> int:
        """Convert the values of a dict; return its height."""
        height = 1
        # Module state dicts store versions in this attribute. Any other
        # attribute could hide a method.
        notes = vars(value) if hasattr(value, '__dict__') else {}
        if not notes.keys() <= {'_metadata'}:
            raise Malformed('a dict with attributes')
        for one in (value, notes):
            for key, old in dict.items(one):
                _check_key(key)
                new, inside = self.of(old, depth + 1)
                height = max(height, 1 + inside)
                if new is not old:
                    one[key] = new
        return height


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed(f'containers nested more than {MAX_DEPTH} deep')


def _check_key(key: Any) -> None:
    parts = key if type(key) is tuple else (key,)
    for part in parts:
        if type(part) not in KEYS and not isinstance(part, NUMBERS):
            raise Malformed(f'a key of type {type(part).__qualname__}')


def _check_tensor(tensor: Tensor) -> None:
    if (
        tensor.device.type != 'cpu'
        or tensor.layout != torch.strided
        or tensor.is_quantized
        or tensor.is_nested
    ):
        raise NotAllowed(
            'holds a tensor that is sparse, quantized or without data'
        )
    if vars(tensor) or tensor._backward_hooks:
        raise NotAllowed('holds a tensor with attributes or hooks')
