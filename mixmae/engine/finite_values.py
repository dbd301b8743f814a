"""Checks for NaN and infinity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from mixmae.engine.fsdp.local_parameters import is_shard, norms_of_shards


class NonFiniteError(ValueError):
    """A training has met NaN or infinity and must stop."""


def norms(tensors: list[Tensor], order: float = 2.0) -> Tensor:
    """Compute the norms of tensors in one pass on their device, without sync.

    Args:
        tensors: Of any shapes and floating dtypes, on one device. If one is
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
        return norms_of_shards(tensors, order)
    found = torch._foreach_norm(tensors, order)
    return torch.stack([norm.to(torch.float32) for norm in found])


def largest(tensors: list[Tensor]) -> Tensor:
    """Return the largest absolute value of each tensor; see ``norms``."""
    return norms(tensors, math.inf)


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
