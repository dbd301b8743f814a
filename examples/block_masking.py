"""Masking that hides one rectangle of cells."""

import torch

from mixmae.registry import TASK_UTILS
from mixmae.structures import CellMask


@TASK_UTILS.register_module()
class BlockMasking:
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
        if min(rows, columns, cell) < 1:
            raise ValueError(
                f'rows, columns and cell must be at least 1, got {rows}, '
                f'{columns} and {cell}'
            )
        self.rows = rows
        self.columns = columns
        self.cell = cell
        self.shared = shared

    def __call__(
        self,
        batch: int,
        height: int,
        width: int,
        generator: torch.Generator | None = None,
    ) -> CellMask:
        """Draw the mask of a batch; see ``mixmae.masking.masking.Masking``."""
        rows, columns = height // self.cell, width // self.cell
        if rows < self.rows or columns < self.columns:
            raise ValueError(
                f'a {height}x{width} image has {rows}x{columns} cells, fewer '
                f'than the {self.rows}x{self.columns} to hide'
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
