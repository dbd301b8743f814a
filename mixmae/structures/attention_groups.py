"""Groups of tokens, one for each image, and the input of a backbone.

The layouts enforce that a token attends to its own group only: ``Layout``
(``models/layers/attention_layout``) and ``KeyRegions``
(``models/layers/reduced_attention``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, int8

from mixmae.structures.cell_mask import CellMask


class GroupOrder(NamedTuple):
    """Tokens of a grid sorted by group.

    Attributes:
        permutation: long (N,); sorted token i is at ``permutation[i]`` of
            the raster.
        inverse: long (N,), which undoes ``permutation``.
        sizes: tokens in each group.
    """

    permutation: Tensor
    inverse: Tensor
    sizes: tuple[int, int]


@dataclass(frozen=True)
class AttentionGroups:
    """Two groups of tokens, the visible and the hidden cells of a mask.

    Tokens attend within their group only (MixMAE, 2205.13137, "masked
    self-attention"). Built once by a neck and passed along.

    Attributes:
        mask: hidden cells hold one group, visible cells the other.
    """

    mask: CellMask

    def labels(self, height: int, width: int) -> Tensor:
        """The group of each token of a grid, bool (1 or B, h, w)."""
        return self.mask.on_grid(height, width)

    def order(self, height: int, width: int) -> GroupOrder | None:
        """Tokens of a grid sorted by group, visible ones first.

        Returns:
            None where one order cannot serve the whole batch: the masks
            differ from image to image, or their count is unknown.
        """
        mask = self.mask
        if not mask.shared or mask.num_hidden is None:
            return None
        labels = self.labels(height, width).flatten()
        permutation = labels.to(dtype=int8).argsort(stable=True)
        cells = mask.hidden.size(1) * mask.hidden.size(2)
        num_hidden = mask.num_hidden * (labels.numel() // cells)
        return GroupOrder(
            permutation,
            permutation.argsort(),
            (labels.numel() - num_hidden, num_hidden),
        )


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
