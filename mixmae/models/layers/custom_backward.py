"""Linear layers after a norm or GELU that save less for the backward pass.

A linear layer saves its input for the backward pass. Where this is the output
of a norm or an activation whose own input is saved anyway, ``linear_of_norm``
and ``linear_of_gelu`` save nothing more: the backward pass applies the norm or
activation again.

Such a path reads a module's parameters and does not call it. Any override must
switch the path off: hooks, subclasses, parametrizations, other forward
methods, other kinds of tensors. Each path asks ``is_plain`` of each module
that it does not call, in every forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
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
    """Return True if a call of ``part`` runs only ``kind.forward``.

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
    """Return True if a call of ``part`` runs ``kind.forward``, hooks aside.

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
    """Return True if an ``autograd.Function`` may replace recorded operations.

    False without gradients, and where something other than autograd records:
    compilers and ``torch.jit.trace`` keep the operations, ``torch.func`` and
    forward-mode derivatives need a rule for each.
    """
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )


def is_norm(part: nn.Module) -> TypeGuard[nn.LayerNorm]:
    """Return True if ``linear_of_norm`` may compute this norm."""
    return is_plain(part, nn.LayerNorm) and part.weight is not None


def is_gelu(part: nn.Module) -> bool:
    """Return True if ``linear_of_gelu`` computes this activation."""
    return is_plain(part, nn.GELU) and part.approximate == 'none'


def is_linear(part: nn.Module) -> TypeGuard[nn.Linear]:
    """Return True if ``linear_of_norm`` and ``linear_of_gelu`` may use it."""
    return is_plain(part, nn.Linear)


def linear_of_norm(x: Tensor, norm: nn.LayerNorm, linear: nn.Linear) -> Tensor:
    """``linear(norm(x))``, (..., C) -> (..., C'), that saves only x."""
    weight, bias, dtype = _cast(linear, x)
    with torch.autocast(x.device.type, enabled=False):
        return _LinearOfNorm.apply(
            x, norm.weight, norm.bias, weight, bias, norm.eps, dtype
        )


def linear_of_gelu(x: Tensor, linear: nn.Linear) -> Tensor:
    """``linear(gelu(x))``, (..., C) -> (..., C'), that saves only x."""
    weight, bias, _ = _cast(linear, x)
    with torch.autocast(x.device.type, enabled=False):
        return _LinearOfGelu.apply(x, weight, bias)


class _LinearOfNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        eps: float,
        dtype: torch.dtype,
    ) -> Tensor:
        normed, mean, deviation = torch.native_layer_norm(
            _one_type(x, scale), scale.shape, scale, shift, eps
        )
        ctx.save_for_backward(x, scale, shift, weight, mean, deviation)
        ctx.eps, ctx.dtype = eps, dtype
        return F.linear(normed.to(dtype), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, shift, weight, mean, deviation = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        tokens = _one_type(x, scale)
        grad_weight = grad_bias = None
        if any(wanted[3:5]):
            normed, _, _ = torch.native_layer_norm(
                tokens, scale.shape, scale, shift, ctx.eps
            )
            grad_weight, grad_bias = _of_parameters(
                normed.to(ctx.dtype), grad, wanted[3:5]
            )
        if not any(wanted[:3]):
            return None, None, None, grad_weight, grad_bias, None, None
        grad_x, *others = torch.ops.aten.native_layer_norm_backward(
            (grad @ weight).to(tokens.dtype),
            tokens,
            scale.shape,
            mean,
            deviation,
            scale,
            shift,
            wanted[:3],
        )
        if grad_x is not None:
            grad_x = grad_x.to(x.dtype)
        return grad_x, *others, grad_weight, grad_bias, None, None


class _LinearOfGelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(F.gelu(x), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        activated = F.gelu(x)
        wanted = ctx.needs_input_grad
        grad_weight, grad_bias = _of_parameters(activated, grad, wanted[1:])
        if not wanted[0]:
            return None, grad_weight, grad_bias
        # In place: on a CPU fresh memory costs more than the arithmetic.
        grad_x = torch.matmul(grad, weight, out=activated)
        torch.ops.aten.gelu_backward.grad_input(grad_x, x, grad_input=grad_x)
        return grad_x, grad_weight, grad_bias


def _cast(
    linear: nn.Linear, x: Tensor
) -> tuple[Tensor, Tensor | None, torch.dtype]:
    """The map's parameters in the dtype that it is computed in."""
    kind = x.device.type
    dtype = (
        torch.get_autocast_dtype(kind)
        if torch.is_autocast_enabled(kind)
        else linear.weight.dtype
    )
    bias = None if linear.bias is None else linear.bias.to(dtype)
    return linear.weight.to(dtype), bias, dtype


def _one_type(x: Tensor, scale: Tensor) -> Tensor:
    """Input of a norm: only CPU kernels accept mixed dtypes."""
    return x if x.device.type == 'cpu' else x.to(scale.dtype)


def _of_parameters(
    x: Tensor, grad: Tensor, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of a linear map's weight and bias, where they are wanted."""
    grad = grad.flatten(0, -2)
    weight = grad.t() @ x.flatten(0, -2) if wanted[0] else None
    return weight, grad.sum(0) if wanted[1] else None
