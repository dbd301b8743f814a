"""Updates by gradients that are not finite do nothing."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from mixmae.engine.finite_values import largest, norms

# A fused SGD keeps memory that was never written for its momentum if its very
# first step is forbidden (seen with torch 2.12).
ON_DEVICE = (torch.optim.Adam, torch.optim.AdamW)


class GradientLook(NamedTuple):
    """What a guard has seen before a step; on the device of the gradients.

    Attributes:
        finite: Bool, (): whether all gradients were.
        parameters: The places, among all of the optimizer, of those
            parameters that had a gradient.
        sizes: Of each of their gradients (Q,): its largest absolute value,
            or, if all are finite, some norm.
    """

    finite: Tensor
    parameters: list[int]
    sizes: Tensor


class StepGuard:
    """Looks at the gradients before each step of an optimizer.

    A fused Adam or AdamW is handed the verdict on the device (``found_inf``,
    as a ``GradScaler`` does), leaves weights and state alone, and nobody
    waits.
    From any other one the gradients are taken away: PyTorch's optimizers, and
    those made like them, pass over parameters without gradient. For that the
    verdict is read, which on a GPU waits for the backward pass.

    The ranks of a DistributedDataParallel need no talk of their own: NaN and
    infinity survive the exchange of the gradients.

    Args:
        optimizer: It is watched until ``remove`` is called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.on_device = isinstance(optimizer, ON_DEVICE) and all(
            group.get('fused') for group in optimizer.param_groups
        )
        self._look: GradientLook | None = None
        self._fresh = False
        self._ours = False
        self._handles = [
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
        ]

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters of the optimizer, group by group."""
        groups = self.optimizer.param_groups
        return [one for group in groups for one in group['params']]

    def look(self) -> None:
        """Look now, for instance before gradients are clipped."""
        found = [
            (place, one.grad)
            for place, one in enumerate(self.parameters)
            if one.grad is not None
        ]
        gradients = [gradient for _, gradient in found]
        # Late readers find no gradients any more, so for them it must be the
        # largest values at once; GPUs find both equally fast.
        sizes = norms(gradients, math.inf if self.on_device else 2.0)
        finite = sizes.isfinite().all()
        if not self.on_device and not bool(finite):
            sizes = largest(gradients)
        self._look = GradientLook(finite, [p for p, _ in found], sizes)
        self._fresh = True

    def take(self) -> GradientLook | None:
        """What was seen since this was last called, if anything was."""
        look, self._look = self._look, None
        return look

    def remove(self) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._fresh:
            self.look()
        assert self._look is not None
        self._fresh = False
        finite = self._look.finite
        if self.on_device:
            given = getattr(optimizer, 'found_inf', None)
            found = finite.logical_not().to(torch.float32)
            # A scaler puts one there as well, and takes it away by itself.
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
