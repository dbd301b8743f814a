"""Masking that hides one rectangle of cells."""

import torch

from mixmae.masking.masking import GridMasking
from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask


@TASK_UTILS.register_module()
class BlockMasking(GridMasking):
    """Hide a rectangle of fixed size at a random place.

    Args:
        rows: Height of the rectangle in cells.
        columns: Width of the rectangle in cells.
        cell: Side of a cell in pixels.
        shared: One mask for the whole batch, as MixMAE needs it for a
            complementary pair.
    """

    def __init__(
        self, rows: int, columns: int, cell: int = 32, shared: bool = True
    ) -> None:
        super().__init__(cell)
        if min(rows, columns) < 1:
            raise ValueError(
                f'rows and columns must be at least 1, got {rows} and '
                f'{columns}'
            )
        self.rows = rows
        self.columns = columns
        self.shared = shared

    def draw(
        self,
        batch: int,
        rows: int,
        columns: int,
        generator: torch.Generator | None,
    ) -> CellMask:
        """Draw one mask, or one per image, on a grid of cells."""
        if rows < self.rows or columns < self.columns:
            raise ValueError(
                f'an image has {rows}x{columns} cells, fewer than the '
                f'{self.rows}x{self.columns} to hide'
            )
        masks = 1 if self.shared else batch
        hidden = torch.zeros(masks, rows, columns, dtype=torch.bool)
        for mask in hidden:
            top = _draw(rows - self.rows + 1, generator)
            left = _draw(columns - self.columns + 1, generator)
            mask[top : top + self.rows, left : left + self.columns] = True
        return CellMask(hidden, self.cell)


def _draw(end: int, generator: torch.Generator | None) -> int:
    return int(torch.randint(end, (), generator=generator))
