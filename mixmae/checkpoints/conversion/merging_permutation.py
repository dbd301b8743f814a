"""Merging permutation: the order of the four tokens in PatchMerging.

With a and b the row and column of a token in its 2x2 block and c its channel,
mixmae, MixMIM and timm stack (b, a, c), slowest first; mmcv's unfold stacks
(c, a, b). Layer norm and linear layer of a merging follow that order.
"""

from __future__ import annotations

from torch import Tensor


def to_unfold_order(x: Tensor) -> Tensor:
    """Permute the last axis (4C) from our order to mmcv's."""
    return x.unflatten(-1, (2, 2, -1)).transpose(-3, -1).flatten(-3)


def from_unfold_order(x: Tensor) -> Tensor:
    """Permute the last axis (4C) from mmcv's order to ours."""
    return x.unflatten(-1, (-1, 2, 2)).transpose(-3, -1).flatten(-3)
