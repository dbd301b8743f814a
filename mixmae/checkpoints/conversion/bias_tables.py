"""Tables of relative position biases, as other code bases keep them."""

from __future__ import annotations

import torch
from torch import Tensor


def offset_index(window: int) -> Tensor:
    """The row of a table for each pair of tokens of a window, long (N, N).

    Others store this index with their weights.
    """
    place = torch.arange(window)
    y, x = (
        axis.flatten() for axis in torch.meshgrid(place, place, indexing='ij')
    )
    rows = y[:, None] - y + window - 1
    columns = x[:, None] - x + window - 1
    return rows * (2 * window - 1) + columns


def centre_of_table(table: Tensor, window: int) -> Tensor:
    """The part of a table that a smaller window looks up.

    Where a grid is smaller than the window we index the centre of the table;
    others make the window, and the table, smaller.

    Args:
        table: ((2v - 1)^2, heads) of a window of side v >= ``window``.
        window: the smaller side.

    Returns:
        ((2 window - 1)^2, heads).
    """
    side = round(table.size(0) ** 0.5)
    margin = (side - (2 * window - 1)) // 2
    grid = table.unflatten(0, (side, side))
    inner = slice(margin, side - margin)
    return grid[inner, inner].flatten(0, 1)
