"""Traced graphs that refuse inputs of another size.

Padding, windows and groups are computed in Python from the size of an image.
``torch.jit.trace`` records their results, so its graph holds for this size
only, and its results for other sizes would be wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor


def keep_traced_size(x: Tensor, first: int, name: str) -> Tensor:
    """Makes a graph that is being traced refuse other sizes.

    A graph of ``torch.jit.trace`` raises an error that names both sizes. In
    one that ``torch.onnx.export`` makes of it, where TorchScript's errors are
    lost, a concatenation fails. ``torch.export`` gets a constant size, and
    refuses a dynamic one: the range in which all choices are the same would
    be lost in ONNX. ``torch.compile`` has guards.

    Args:
        x: images or tokens.
        first: axis of the height; the width is the next one.
        name: of what has this size, for the error.

    Returns:
        x.
    """
    if not (torch.jit.is_tracing() or _is_exporting()):
        return x
    # Of a symbol, int() makes a constant.
    height, width = int(x.size(first)), int(x.size(first + 1))
    if _is_exporting():
        return x
    if not torch.onnx.is_in_onnx_export():
        return _scripted()(x, first, height, width, name)
    # All sides but the first must agree for that.
    other = torch.zeros([1, *map(int, x.shape[1:])], dtype=x.dtype)
    return torch.cat([x, other.to(x.device)])[:-1]


def _is_exporting() -> bool:
    # torch < 2.7 does not tell.
    return getattr(torch.compiler, 'is_exporting', bool)()


def _refuse_other_sizes(
    x: Tensor, first: int, height: int, width: int, name: str
) -> Tensor:
    if x.size(first) != height or x.size(first + 1) != width:
        raise ValueError(
            f'this graph was traced for {name} of {height}x{width}, and got '
            f'{x.size(first)}x{x.size(first + 1)}: trace another one for '
            f'this size, or call the model itself'
        )
    return x


@functools.cache
def _scripted() -> Callable[..., Tensor]:
    # Control flow of Python is not recorded, that of TorchScript is.
    return torch.jit.script(_refuse_other_sizes)
