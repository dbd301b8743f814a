"""Modules whose call may be replaced by other code of the same result.

A faster or leaner path reads a module's parameters and does not call it. Any
override must switch that path off: hooks, subclasses, parametrizations, other
forward methods, other kinds of tensors. Each such path asks ``is_plain`` of
each module that it does not call, in every forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd import forward_ad
from torch.nn.modules import module as nn_module

_Part = TypeVar('_Part', bound=nn.Module)

# Read at import, before a method of a class can be replaced.
_CALL = nn.Module.__call__
_FORWARDS: dict[type[nn.Module], Callable] = {
    kind: kind.forward
    for kind in (nn.Conv2d, nn.GELU, nn.LayerNorm, nn.Linear)
}
# A quantised or distributed tensor computes in its own way.
_TENSORS = (nn.Parameter, Tensor, FakeTensor)


def replaceable(kind: type[_Part]) -> type[_Part]:
    """Class decorator: other code may do what ``kind.forward`` does."""
    _FORWARDS[kind] = kind.forward
    return kind


def is_plain(part: nn.Module, kind: type[_Part]) -> TypeGuard[_Part]:
    """Whether a call of ``part`` runs only the forward method of ``kind``.

    Args:
        part: any module.
        kind: a ``replaceable`` class, ``nn.Linear``, ``nn.LayerNorm``,
            ``nn.GELU`` or ``nn.Conv2d``; or a base of replaceable classes.
            Subclasses that are not replaceable themselves are not plain.
    """
    return (
        isinstance(part, kind)
        and type(part) in _FORWARDS
        and keeps_forward(part, type(part))
        and not (
            part._forward_hooks
            or part._forward_pre_hooks
            or part._backward_hooks
            or part._backward_pre_hooks
            or nn_module._has_any_global_hook()
        )
        and all(
            x is None or type(x) in _TENSORS for x in part._parameters.values()
        )
    )


def keeps_forward(part: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a call of ``part`` runs ``kind.forward``, hooks aside.

    Args:
        part: any module.
        kind: see ``is_plain``.
    """
    return (
        isinstance(part, kind)
        and getattr(part.forward, '__func__', None) is _FORWARDS[kind]
        and part._compiled_call_impl is None
        and nn.Module.__call__ is _CALL
    )


def takes_custom_backward() -> bool:
    """Whether an ``autograd.Function`` may replace what autograd records.

    Not where nothing is recorded, nor where another program records: a
    compiler and ``torch.jit.trace`` keep operations, ``torch.func`` and
    forward-mode derivatives need a rule for each.
    """
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )
