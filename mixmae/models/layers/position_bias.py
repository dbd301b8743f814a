"""Relative position biases of window attention."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from mixmae.models.layers.bias_resize import check_method, resize_table
from mixmae.models.layers.plain_module import replaceable


def gather_bias(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (offsets, h) at an index (..., N, N): (..., h, N, N)."""
    bias = rows.index_select(0, index.flatten())
    return bias.view(*index.shape, -1).movedim(-1, -3)


class OffsetBias(nn.Module, ABC):
    """One bias per head and offset between two tokens of a window.

    Subclasses implement ``rows``.

    Args:
        window: side of the full window.
    """

    index: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.register_buffer('index', _offset_index(window), persistent=False)

    def forward(self, positions: Tensor | None = None) -> Tensor:
        """The biases among some tokens.

        Args:
            positions: long (N,), of the tokens in the raster of the full
                window; None = all of them, in order.

        Returns:
            (heads, N, N).
        """
        return gather_bias(self.rows(), self.pairs(positions))

    def pairs(self, positions: Tensor | None = None) -> Tensor:
        """The row of each pair of tokens, long (N, N); see ``forward``."""
        if positions is None:
            return self.index
        return self.index[positions][:, positions]

    def rows_and_index(self, positions: object) -> tuple[Tensor, Tensor]:
        """The operands of ``forward``'s gather, for backends that fuse it.

        Args:
            positions: see ``Layout``.

        Returns:
            Biases (offsets, heads), and the row of each pair: of places in
            the full window, (M, M), or, if positions are the pairs of
            gathered tokens, (B, nW, N, N).
        """
        return self.rows(), self.index

    @abstractmethod
    def rows(self) -> Tensor:
        """The biases of all offsets, ((2 window - 1)^2, heads)."""


@replaceable
class RelativePositionBias(OffsetBias):
    """A learned table of biases.

    Swin, 2103.14030 section 3.2. A table of another window size is resized
    when it is loaded.

    Args:
        window: side of the full window.
        num_heads: number of heads.
        resize: how; see ``resize_table``.

    Raises:
        ValueError: an unknown ``resize``.
    """

    def __init__(
        self, window: int, num_heads: int, resize: str = 'bicubic'
    ) -> None:
        super().__init__(window)
        check_method(resize)
        self.resize = resize
        offsets = (2 * window - 1) ** 2
        self.table = nn.Parameter(torch.zeros(offsets, num_heads))
        self.register_load_state_dict_pre_hook(_resize_loaded_table)
        nn.init.trunc_normal_(self.table, std=0.02)

    def rows(self) -> Tensor:
        """The table."""
        return self.table


def _offset_index(window: int) -> Tensor:
    """Row of the table for each pair of tokens, long (N, N)."""
    place = torch.arange(window)
    offset = place[:, None] - place + window - 1
    rows, columns = offset[:, None, :, None], offset[None, :, None, :]
    return (rows * (2 * window - 1) + columns).reshape(window**2, window**2)


def _resize_loaded_table(
    module: nn.Module, state_dict: dict, prefix: str, *_: object
) -> None:
    assert isinstance(module, RelativePositionBias)
    table = state_dict.get(prefix + 'table')
    if table is None or table.size(0) == module.table.size(0):
        return
    state_dict[prefix + 'table'] = resize_table(
        table, module.window, module.resize
    )
