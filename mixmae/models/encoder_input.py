"""What a neck hands to a backbone."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mixmae.structures import AttentionGroups


class EncoderInput(NamedTuple):
    """What ``neck.hide`` returns, for every method.

    Attributes:
        tokens: (B, h, w, C), without positions.
        groups: who may meet whom; None = everybody.
        coords: float (B, h, w, 2), (y, x) in tokens of the full image's
            grid; None = ``tokens`` are the full grid.
    """

    tokens: Tensor
    groups: AttentionGroups | None = None
    coords: Tensor | None = None
