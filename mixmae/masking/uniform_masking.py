"""Masking of UM-MAE."""

from __future__ import annotations

import torch
from torch import Tensor

from mixmae.masking.masking import GridMasking, random_places
from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask


@TASK_UTILS.register_module()
class UniformMasking(GridMasking):
    """Keeps one cell of each 2x2, and hides some of these a second time.

    2205.10063, "uniform sampling" and "secondary masking"; UM-MAE
    mask_transform.py:18-51. The visible cells form a dense image of half the
    sides, on which any hierarchical network runs. Masks are drawn per image.
    One of four is part of the method: ``UMMAENeck`` accepts no other masks.

    Args:
        cell: side of a cell in pixels.
        secondary_ratio: share of the visible cells that the encoder sees as
            a mask token, in [0, 1); their number is rounded up.
        multiple: divisor of the image sides in pixels: twice the encoder's
            total stride, so that the last grid has whole tokens. 64 for Swin
            and PVT, 32 for ViT with 16-px patches.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        cell: int = 16,
        secondary_ratio: float = 0.25,
        multiple: int = 64,
    ) -> None:
        super().__init__(cell, multiple)
        if not 0 <= secondary_ratio < 1:
            raise ValueError(
                f'secondary_ratio must be inside [0, 1), got {secondary_ratio}'
            )
        if multiple < 1 or multiple % (2 * cell):
            raise ValueError(
                f'multiple must be a multiple of two cells, {2 * cell} '
                f'pixels, got {multiple}'
            )
        self.secondary_ratio = secondary_ratio

    def draw(
        self,
        batch: int,
        rows: int,
        columns: int,
        generator: torch.Generator | None,
    ) -> CellMask:
        """Draws one mask per image; see ``GridMasking``."""
        blocks = (rows // 2, columns // 2)
        number = blocks[0] * blocks[1]
        corners = _balanced_corners(batch, number, generator)
        kept = torch.nn.functional.one_hot(corners, 4).bool()
        secondary = None
        if self.secondary_ratio:
            again = self._again(batch, number, generator)
            secondary = _on_cells(kept & again[..., None], *blocks)
        return CellMask(~_on_cells(kept, *blocks), self.cell, secondary)

    def _again(
        self, batch: int, blocks: int, generator: torch.Generator | None
    ) -> Tensor:
        """Blocks whose visible cell is hidden again, bool (batch, blocks)."""
        stay = int(blocks * (1 - self.secondary_ratio))
        if not stay:
            raise ValueError(
                f'secondary_ratio {self.secondary_ratio} leaves none of '
                f'{blocks} cells visible; use larger images or a smaller ratio'
            )
        return ~random_places(batch, blocks, stay, generator)


def _balanced_corners(
    batch: int, blocks: int, generator: torch.Generator | None
) -> Tensor:
    """Visible cell of each 2x2 block, long (batch, blocks), 0 to 3.

    Drawn without replacement from a pool of twice as many entries as there
    are blocks, in which each corner is equally frequent.
    """
    pool = 4 * -(-blocks // 2)
    noise = torch.rand(batch, pool, generator=generator)
    return noise.argsort(1)[:, :blocks] % 4


def _on_cells(corners: Tensor, rows: int, columns: int) -> Tensor:
    """(B, blocks, 4) -> (B, 2 rows, 2 columns), corners in raster order."""
    x = corners.view(-1, rows, columns, 2, 2)
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)
