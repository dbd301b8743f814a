"""Mask of the hidden cells of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CellMask:
    """The hidden cells of a batch.

    No other class encodes which cells are hidden.

    Attributes:
        hidden: bool, (1, rows, columns) for one mask shared by the batch or
            (B, rows, columns) for one per image. True = hidden, everywhere.
        cell: side of a cell in pixels.
        secondary: bool like ``hidden``, a subset of the visible cells that
            the encoder sees as a mask token and that carry no loss (UM-MAE,
            2205.10063, "secondary masking"), or None.
        num_hidden: hidden cells per image if that is one number for the
            batch, else None. Counted at construction, on the CPU only, so
            that no step waits for a GPU; ``to`` carries it along.
        one_in_four: whether exactly one cell of each 2x2 is visible (UM-MAE,
            "uniform sampling"); known as ``num_hidden`` is, else None.

    Raises:
        ValueError: ``hidden`` or ``secondary`` has the wrong dtype or shape,
            or ``cell`` is not positive.
    """

    hidden: Tensor
    cell: int
    secondary: Tensor | None = None
    num_hidden: int | None = None
    one_in_four: bool | None = None

    def __post_init__(self) -> None:
        for name in ('hidden', 'secondary'):
            value = getattr(self, name)
            if value is None:
                continue
            if value.dtype != torch.bool or value.dim() != 3:
                raise ValueError(
                    f'CellMask.{name} must be bool of shape (1 or B, rows, '
                    f'columns), got {value.dtype} of {tuple(value.shape)}'
                )
        if self.cell < 1:
            raise ValueError(f'CellMask.cell must be positive: {self.cell}')
        if self.hidden.device.type != 'cpu':
            return
        if self.num_hidden is None:
            counts = self.hidden.flatten(1).sum(1).unique().tolist()
            if len(counts) == 1:
                object.__setattr__(self, 'num_hidden', counts[0])
        if self.one_in_four is None:
            found = _keeps_one_in_four(self.hidden)
            object.__setattr__(self, 'one_in_four', found)

    @property
    def shared(self) -> bool:
        """Whether every image of the batch has the same hidden cells."""
        return self.hidden.size(0) == 1

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.hidden.size(1), self.hidden.size(2)

    def keeps_one_in_four(self) -> bool:
        """``one_in_four``, computed now where it is not known."""
        if self.one_in_four is None:
            return _keeps_one_in_four(self.hidden)
        return self.one_in_four

    def at_stride(self, stride: int) -> Tensor:
        """``hidden`` on the token grid of a stride.

        Args:
            stride: pixels per token, a divisor of ``cell``; 1 gives pixels.

        Returns:
            bool (1 or B, H / stride, W / stride).

        Raises:
            ValueError: ``stride`` does not divide ``cell``.
        """
        if stride < 1 or self.cell % stride:
            raise ValueError(
                f'a mask of {self.cell}-px cells has no grid of stride '
                f'{stride}; the stride must divide the cell'
            )
        repeats = self.cell // stride
        return self.hidden.repeat_interleave(repeats, 1).repeat_interleave(
            repeats, 2
        )

    def on_grid(self, height: int, width: int) -> Tensor:
        """``hidden`` on a token grid of the whole image, (1 or B, h, w).

        Raises:
            ValueError: the cell is not a multiple of the stride.
        """
        rows, columns = self.grid
        tokens = height // rows
        whole = (rows * tokens, columns * tokens) == (height, width)
        if not tokens or not whole or self.cell % tokens:
            raise ValueError(
                f'a mask of {rows}x{columns} cells of {self.cell} px does not '
                f'fit a grid of {height}x{width} tokens'
            )
        return self.at_stride(self.cell // tokens)

    def to(
        self, device: torch.device | str, non_blocking: bool = False
    ) -> CellMask:
        """The same mask on another device."""
        secondary = self.secondary
        if secondary is not None:
            secondary = secondary.to(device, non_blocking=non_blocking)
        hidden = self.hidden.to(device, non_blocking=non_blocking)
        return CellMask(
            hidden, self.cell, secondary, self.num_hidden, self.one_in_four
        )


def _keeps_one_in_four(hidden: Tensor) -> bool:
    rows, columns = hidden.shape[1:]
    if rows % 2 or columns % 2:
        return False
    blocks = hidden.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return bool((blocks.sum((2, 4)) == 3).all())
