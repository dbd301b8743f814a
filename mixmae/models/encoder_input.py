"""Input of a backbone in pretraining."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mixmae.structures import AttentionGroups


class EncoderInput(NamedTuple):
    """Result of ``neck.hide``, for every method.

    Attributes:
        tokens: (B, h, w, C), without positions.
        groups: groups within which tokens attend; None = one group.
        coords: float (B, h, w, 2), (y, x) in tokens of the full image's
            grid; None = ``tokens`` are the full grid.
    """

    tokens: Tensor
    groups: AttentionGroups | None = None
    coords: Tensor | None = None
