"""Relative position bias tables in the layout of other code bases."""

from __future__ import annotations

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.swin_settings import SwinSettings
from mixmae.checkpoints.loading.key_map import KeyReport


def offset_index(window: int) -> Tensor:
    """Return the table row of each token pair in a window, long (N, N).

    Other code bases save this index with their weights.
    """
    place = torch.arange(window)
    y, x = (
        axis.flatten() for axis in torch.meshgrid(place, place, indexing='ij')
    )
    rows = y[:, None] - y + window - 1
    columns = x[:, None] - x + window - 1
    return rows * (2 * window - 1) + columns


def centre_of_table(table: Tensor, window: int) -> Tensor:
    """Crop a bias table to that of a smaller window.

    If a grid is smaller than the window, mixmae indexes the centre of the
    table; other code bases shrink the window and the table.

    Args:
        table: ((2v - 1)^2, heads) of a window of side v >= ``window``.
        window: Side of the smaller window.

    Returns:
        ((2 window - 1)^2, heads).
    """
    side = round(table.size(0) ** 0.5)
    margin = (side - (2 * window - 1)) // 2
    grid = table.unflatten(0, (side, side))
    inner = slice(margin, side - margin)
    return grid[inner, inner].flatten(0, 1)


def crop_tables(
    state: dict[str, Tensor], settings: SwinSettings, report: KeyReport
) -> dict[str, int]:
    """Crop tables of ``layers.<stage>`` to the grid, in place.

    Returns:
        The window of each table by its key.
    """
    windows = {}
    for key, value in state.items():
        if key.endswith('relative_position_bias_table'):
            stage = int(key.partition('layers.')[2].split('.')[0])
            window = min(settings.window_sizes[stage], *settings.grids[stage])
            state[key] = centre_of_table(value, window)
            if state[key].shape != value.shape:
                report.resized[key] = (value.shape, state[key].shape)
            windows[key] = window
    return windows
