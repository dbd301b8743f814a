"""The order in which a PatchMerging stacks its four tokens.

With a and b the row and column of a token in its 2x2 block and c its
channel, we, MixMIM and timm stack (b, a, c), slowest first; mmcv's unfold
stacks (c, a, b). Layer norm and linear map of a merging follow that order.
"""

from __future__ import annotations

from torch import Tensor


def to_unfold_order(x: Tensor) -> Tensor:
    """Our order to mmcv's, of the last axis (4C)."""
    return x.unflatten(-1, (2, 2, -1)).transpose(-3, -1).flatten(-3)


def from_unfold_order(x: Tensor) -> Tensor:
    """mmcv's order to ours, of the last axis (4C)."""
    return x.unflatten(-1, (-1, 2, 2)).transpose(-3, -1).flatten(-3)
