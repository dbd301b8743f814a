"""Tensors of which each rank holds a part: PyTorch's ``DTensor``.

What has no parts is left as it is, so that callers need not tell the two
apart, and runs that share nothing do not even import the library.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def is_shard(value: Any) -> bool:
    """Whether other ranks hold further parts of a tensor."""
    return isinstance(value, Tensor) and hasattr(value, 'full_tensor')


def own_part(tensor: Any) -> Tensor:
    """What this rank holds of a tensor; may be empty."""
    return tensor.to_local() if is_shard(tensor) else tensor


def whole(tensor: Any) -> Tensor:
    """All parts of a tensor; all ranks have to ask at the same time."""
    return tensor.full_tensor() if is_shard(tensor) else tensor


def split_like(tensor: Tensor, like: Any) -> Tensor:
    """Splits what every rank holds whole as another tensor is split.

    Nothing is exchanged.

    Args:
        tensor: of the shape of ``like``; otherwise, or if it is split
            already, it is returned as it is.
        like: may be whole, then nothing is split.
    """
    if not is_shard(like) or is_shard(tensor) or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(
        tensor, like.device_mesh, like.placements, src_data_rank=None
    )


def norms_of_shards(tensors: list[Any], order: float) -> Tensor:
    """Norms of tensors that are all split over the same ranks.

    All ranks have to ask at the same time; what they exchange is one number
    per tensor and rank.

    Args:
        tensors: at least one.
        order: 2, or ``math.inf`` for the largest absolute value.

    Returns:
        Float32, (number of tensors,), the same on all ranks; NaN and infinity
        of any part are in it.
    """
    parts = [own_part(tensor) for tensor in tensors]
    # Of nothing there is no largest value.
    parts = [part if part.numel() else part.new_zeros(1) for part in parts]
    found = torch._foreach_norm(parts, order)
    mine = torch.stack([norm.to(torch.float32) for norm in found])
    mesh = tensors[0].device_mesh
    everyone = mine.new_empty(mesh.size() * len(mine))
    distributed.all_gather_into_tensor(everyone, mine, mesh.get_group())
    return torch.linalg.vector_norm(
        everyone.unflatten(0, (mesh.size(), -1)), order, dim=0
    )
