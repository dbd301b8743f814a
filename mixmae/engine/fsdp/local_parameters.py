"""Helpers for tensors split over ranks (PyTorch's ``DTensor``).

Plain tensors are returned unchanged, so that callers need not tell the two
apart, and runs without FSDP do not import the library.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def is_shard(value: Any) -> bool:
    """Whether a tensor is split and other ranks hold the other parts."""
    return isinstance(value, Tensor) and hasattr(value, 'full_tensor')


def own_part(tensor: Any) -> Tensor:
    """Return this rank's part of a tensor; it may be empty."""
    return tensor.to_local() if is_shard(tensor) else tensor


def whole(tensor: Any) -> Tensor:
    """Gather the full tensor; all ranks must call it at the same time."""
    return tensor.full_tensor() if is_shard(tensor) else tensor


def split_like(tensor: Tensor, like: Any) -> Tensor:
    """Split a full tensor, present on every rank, like another tensor.

    No communication takes place.

    Args:
        tensor: Of the shape of ``like``; a tensor of another shape, or one
            that is split already, is returned unchanged.
        like: If it is not split, ``tensor`` is not split.
    """
    if not is_shard(like) or is_shard(tensor) or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(
        tensor, like.device_mesh, like.placements, src_data_rank=None
    )


def norms_of_shards(tensors: list[Any], order: float) -> Tensor:
    """Compute the norms of tensors that are split over the same ranks.

    All ranks must call it at the same time; they exchange one number per
    tensor and rank.

    Args:
        tensors: At least one.
        order: 2, or ``math.inf`` for the largest absolute value.

    Returns:
        Float32, (number of tensors,), the same on all ranks. NaN and infinity
        of any part propagate.
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
