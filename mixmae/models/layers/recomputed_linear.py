"""Linear maps of what is cheap to compute again.

A linear map keeps its input for the backward pass. Where that is the output
of a norm or of an activation whose own input is kept anyway, these keep
nothing more: the backward pass applies norm or activation once again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def linear_of_norm(x: Tensor, norm: nn.LayerNorm, linear: nn.Linear) -> Tensor:
    """``linear(norm(x))``, (..., C) -> (..., C'), that keeps x alone."""
    weight, bias, dtype = _cast(linear, x)
    scale: Tensor = norm.weight
    shift: Tensor = norm.bias
    if x.device.type != 'cpu':
        # Only the kernels of CPUs mix types.
        scale, shift = scale.to(x.dtype), shift.to(x.dtype)
    with torch.autocast(x.device.type, enabled=False):
        return _LinearOfNorm.apply(
            x, scale, shift, weight, bias, norm.eps, dtype
        )


def linear_of_gelu(x: Tensor, linear: nn.Linear) -> Tensor:
    """``linear(gelu(x))``, (..., C) -> (..., C'), that keeps x alone."""
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
            x, scale.shape, scale, shift, eps
        )
        ctx.save_for_backward(x, scale, shift, weight, mean, deviation)
        ctx.eps, ctx.dtype, ctx.biased = eps, dtype, bias is not None
        return F.linear(normed.to(dtype), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, shift, weight, mean, deviation = ctx.saved_tensors
        normed, _, _ = torch.native_layer_norm(
            x, scale.shape, scale, shift, ctx.eps
        )
        grad_weight, grad_bias = _of_parameters(
            normed.to(ctx.dtype), grad, ctx.biased
        )
        grads = torch.ops.aten.native_layer_norm_backward(
            (grad @ weight).to(x.dtype),
            x,
            scale.shape,
            mean,
            deviation,
            scale,
            shift,
            [True] * 3,
        )
        return *grads, grad_weight, grad_bias, None, None


class _LinearOfGelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return F.linear(F.gelu(x), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        activated = F.gelu(x)
        grad_weight, grad_bias = _of_parameters(activated, grad, ctx.biased)
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


def _of_parameters(
    x: Tensor, grad: Tensor, biased: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of a linear map's weight and bias."""
    grad = grad.flatten(0, -2)
    weight = grad.t() @ x.flatten(0, -2)
    return weight, grad.sum(0) if biased else None
