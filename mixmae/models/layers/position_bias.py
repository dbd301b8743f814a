"""Relative position biases of window attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RelativePositionBias(nn.Module):
    """One learned bias per head and offset between two tokens of a window.

    Swin, 2103.14030 section 3.2. A table of another window size is resized
    bicubically when it is loaded, as MixMIM does (util/pos_embed.py:80-165).

    Args:
        window: side of the full window.
        num_heads: number of heads.
    """

    index: Tensor

    def __init__(self, window: int, num_heads: int) -> None:
        super().__init__()
        self.window = window
        offsets = (2 * window - 1) ** 2
        self.table = nn.Parameter(torch.zeros(offsets, num_heads))
        self.register_buffer('index', _offset_index(window), persistent=False)
        self.register_load_state_dict_pre_hook(_resize_loaded_table)
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, positions: Tensor | None = None) -> Tensor:
        """The biases among some tokens.

        Args:
            positions: long (N,), where the tokens stand in the raster of the
                full window; None means all of them, in order.

        Returns:
            (heads, N, N).
        """
        index = self.index
        if positions is not None:
            index = index[positions][:, positions]
        bias = self.table.index_select(0, index.flatten())
        return bias.view(*index.shape, -1).permute(2, 0, 1)


def _offset_index(window: int) -> Tensor:
    """Row of the table for each pair of tokens, long (N, N)."""
    place = torch.arange(window)
    offset = place[:, None] - place + window - 1
    rows, columns = offset[:, None, :, None], offset[None, :, None, :]
    return (rows * (2 * window - 1) + columns).reshape(window**2, window**2)


def resize_table(table: Tensor, window: int) -> Tensor:
    """Resizes a bias table bicubically to another window.

    Args:
        table: ((2v - 1)^2, heads) of a window of side v.
        window: the side that is wanted.

    Returns:
        ((2 window - 1)^2, heads).
    """
    old, new = round(table.size(0) ** 0.5), 2 * window - 1
    if old**2 != table.size(0):
        raise ValueError(
            f'a bias table has a square number of rows, got {table.size(0)}'
        )
    grid = table.T.reshape(1, -1, old, old)
    grid = F.interpolate(grid, (new, new), mode='bicubic')
    return grid.flatten(2)[0].T.contiguous()


def _resize_loaded_table(
    module: nn.Module, state_dict: dict, prefix: str, *_: object
) -> None:
    assert isinstance(module, RelativePositionBias)
    table = state_dict.get(prefix + 'table')
    if table is None or table.size(0) == module.table.size(0):
        return
    state_dict[prefix + 'table'] = resize_table(table, module.window)
