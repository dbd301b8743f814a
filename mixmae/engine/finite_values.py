"""Checks for NaN and infinity, of tensors and of gradients before a step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from mixmae.engine.fsdp2 import is_shard, own_part


class NonFiniteError(ValueError):
    """A training has met NaN or infinity and must stop."""


def norms(tensors: list[Tensor], order: float = 2.0) -> Tensor:
    """Compute the norms of tensors in one pass on their device, without sync.

    Args:
        tensors: Tensors of any shape and floating dtype. If one is
            split over the ranks (FSDP), all must be, and all ranks must call.
        order: 2, or ``math.inf`` for the largest absolute value, which is ten
            times as slow on a CPU.

    Returns:
        Float32, (number of tensors,). A tensor that holds NaN or infinity, or
        whose squares overflow (order 2), has a norm that is not finite.
    """
    if not tensors:
        return torch.zeros(0)
    if is_shard(tensors[0]):
        return _norms_of_shards(tensors, order)
    found = torch._foreach_norm(tensors, order)
    return torch.stack([norm.to(torch.float32) for norm in found])


def _norms_of_shards(tensors: list[Any], order: float) -> Tensor:
    """Compute ``norms`` of tensors that are split over the same ranks.

    The ranks exchange one number per tensor and rank.
    """
    parts = [own_part(tensor) for tensor in tensors]
    # An empty tensor has no largest value.
    parts = [part if part.numel() else part.new_zeros(1) for part in parts]
    found = torch._foreach_norm(parts, order)
    mine = torch.stack([norm.to(torch.float32) for norm in found])
    mesh = tensors[0].device_mesh
    everyone = mine.new_empty(mesh.size() * len(mine))
    distributed.all_gather_into_tensor(everyone, mine, mesh.get_group())
    return torch.linalg.vector_norm(
        everyone.unflatten(0, (mesh.size(), -1)), order, dim=0
    )


def names_of_non_finite(named: Mapping[str, Tensor]) -> list[str]:
    """Return names of tensors with NaN or infinity; syncs the device."""
    devices: dict[torch.device, list[str]] = {}
    for name, tensor in named.items():
        if tensor.is_floating_point():
            devices.setdefault(tensor.device, []).append(name)
    with torch.no_grad():
        suspects = {
            name
            for names in devices.values()
            for name, norm in zip(
                names, norms([named[one] for one in names]).tolist()
            )
            if not math.isfinite(norm)
        }
        # The squares may have overflowed.
        return [
            name
            for name, tensor in named.items()
            if name in suspects and not bool(tensor.isfinite().all())
        ]


def running_statistics(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield names and buffers of the running statistics of norm layers."""
    for name, module in model.named_modules():
        if isinstance(module, _NormBase) and module.track_running_stats:
            yield from module.named_buffers(name, recurse=False)


def trained_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and running statistics; no constant buffers."""
    return dict([*model.named_parameters(), *running_statistics(model)])


def some(names: Iterable[str]) -> str:
    """Join the first three names, for a message."""
    listed = list(names)
    return ', '.join(listed[:3]) + ', ...' * (len(listed) > 3)


# A fused SGD leaves its momentum uninitialised if its first step is skipped
# (seen with torch 2.12).
ON_DEVICE = (torch.optim.Adam, torch.optim.AdamW)


class GradientCheck(NamedTuple):
    """Result of a check before a step, on the device of the gradients.

    Attributes:
        finite: Bool, (): whether all gradients were finite.
        parameters: Indices, among all parameters of the optimizer, of those
            that had a gradient.
        sizes: Size of each of their gradients, (Q,): its largest absolute
            value, or, if all are finite, a norm.
    """

    finite: Tensor
    parameters: list[int]
    sizes: Tensor


class StepGuard:
    """Check the gradients before each step of an optimizer.

    A fused Adam or AdamW gets the result on the device (``found_inf``, as from
    a ``GradScaler``) and then changes neither weights nor state, without a
    sync. For any other optimizer the gradients are removed: PyTorch's
    optimizers, and those built like them, skip parameters without gradient.
    This reads the result, which on a GPU waits for the backward pass.

    DistributedDataParallel ranks need no further communication: NaN and
    infinity propagate through the gradient exchange.

    Args:
        optimizer: The optimizer; it is guarded until ``remove`` is called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.on_device = isinstance(optimizer, ON_DEVICE) and all(
            group.get('fused') for group in optimizer.param_groups
        )
        self._result: GradientCheck | None = None
        self._fresh = False
        self._ours = False
        self._handles = [
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
        ]

    @property
    def parameters(self) -> list[Tensor]:
        """Return all parameters of the optimizer, group by group."""
        groups = self.optimizer.param_groups
        return [one for group in groups for one in group['params']]

    def check(self) -> None:
        """Check now, for instance before gradients are clipped."""
        found = [
            (place, one.grad)
            for place, one in enumerate(self.parameters)
            if one.grad is not None
        ]
        gradients = [gradient for _, gradient in found]
        # If the result is read later, the gradients no longer exist, so the
        # largest values are computed now; on GPUs both are equally fast.
        sizes = norms(gradients, math.inf if self.on_device else 2.0)
        finite = sizes.isfinite().all()
        if not self.on_device and not bool(finite):
            sizes = norms(gradients, math.inf)
        self._result = GradientCheck(finite, [p for p, _ in found], sizes)
        self._fresh = True

    def take(self) -> GradientCheck | None:
        """Return the check since the last call, if there was one."""
        check, self._result = self._result, None
        return check

    def remove(self) -> None:
        """Stop guarding the optimizer."""
        for handle in self._handles:
            handle.remove()

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._fresh:
            self.check()
        assert self._result is not None
        self._fresh = False
        finite = self._result.finite
        if self.on_device:
            given = getattr(optimizer, 'found_inf', None)
            found = finite.logical_not().to(torch.float32)
            # A gradient scaler sets and removes one, too.
            self._ours = given is None
            optimizer.found_inf = (
                found if given is None else torch.maximum(given, found)
            )
        elif not bool(finite):
            for one in self.parameters:
                one.grad = None

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._ours:
            del optimizer.found_inf
            self._ours = False
