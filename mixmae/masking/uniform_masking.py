"""Uniform masking of UM-MAE: one visible cell in each 2x2."""

from __future__ import annotations

import torch
from torch import Tensor

from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask


@TASK_UTILS.register_module()
class UniformMasking:
    """Keeps one cell of each 2x2, and hides some of these a second time.

    2205.10063, "uniform sampling" and "secondary masking"; UM-MAE
    mask_transform.py:18-51. The visible cells form a dense image of half the
    sides, on which any hierarchical network runs. Masks are drawn per image.

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
        if cell < 1:
            raise ValueError(f'cell must be at least 1 pixel, got {cell}')
        if not 0 <= secondary_ratio < 1:
            raise ValueError(
                f'secondary_ratio must be inside [0, 1), got {secondary_ratio}'
            )
        if multiple < 1 or multiple % (2 * cell):
            raise ValueError(
                f'multiple must be a multiple of two cells, {2 * cell} '
                f'pixels, got {multiple}'
            )
        self.cell = cell
        self.secondary_ratio = secondary_ratio
        self.multiple = multiple

    def __call__(
        self,
        batch: int,
        height: int,
        width: int,
        generator: torch.Generator | None = None,
    ) -> CellMask:
        """Draws the masks of a batch on the CPU, one per image.

        Args:
            batch: number of images.
            height, width: size of the images in pixels.
            generator: a CPU generator; None draws from torch's global one.

        Raises:
            ValueError: the size is not a multiple of ``multiple``, or so
                small that no cell would stay visible.
        """
        rows, columns = self._blocks(height, width)
        corners = _balanced_corners(batch, rows * columns, generator)
        kept = torch.nn.functional.one_hot(corners, 4).bool()
        secondary = None
        if self.secondary_ratio:
            again = self._again(batch, rows * columns, generator)
            secondary = _on_cells(kept & again[..., None], rows, columns)
        return CellMask(~_on_cells(kept, rows, columns), self.cell, secondary)

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
        noise = torch.rand(batch, blocks, generator=generator)
        again = torch.ones(batch, blocks, dtype=torch.bool)
        return again.scatter_(1, noise.argsort(1)[:, :stay], False)

    def _blocks(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of 2x2 cells."""
        unit = self.multiple
        if height % unit or width % unit or not height or not width:
            near = [max(unit, round(s / unit) * unit) for s in (height, width)]
            raise ValueError(
                f'image size {height}x{width} is not a multiple of {unit} '
                f'pixels, which uniform masking needs; the nearest valid size '
                f'is {near[0]}x{near[1]}'
            )
        return height // (2 * self.cell), width // (2 * self.cell)


def _balanced_corners(
    batch: int, blocks: int, generator: torch.Generator | None
) -> Tensor:
    """Which cell of each 2x2 stays visible, long (batch, blocks), 0 to 3.

    Drawn without replacement from a pool that holds each corner equally
    often and has entries for twice the image's cells, hence twice as many
    as there are blocks.
    """
    pool = 4 * -(-blocks // 2)
    noise = torch.rand(batch, pool, generator=generator)
    return noise.argsort(1)[:, :blocks] % 4


def _on_cells(corners: Tensor, rows: int, columns: int) -> Tensor:
    """(B, blocks, 4) -> (B, 2 rows, 2 columns), corners in raster order."""
    x = corners.view(-1, rows, columns, 2, 2)
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)
