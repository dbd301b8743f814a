"""How a stage lays out its tokens for attention with reduced keys.

Axes: B images, H and W the token grid, r = side of a key cell in tokens,
M key cells, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mixmae.models.layers.windows import cut, join
from mixmae.structures import AttentionGroups


class KeyCells:
    """A grid cut into cells of r x r tokens, each of which makes one key.

    Where two groups must not meet and one order serves the whole batch, the
    cells stand sorted by group, and attention is dense within each part: no
    mask, half the work. A key cell then is the tokens of one group alone,
    because a mask's cells are whole numbers of key cells.

    Args:
        grid: (H, W) of the tokens; padded at the bottom and right with
            zeros up to whole cells, so that each cell has a real token.
        side: r.
        groups: tokens of different groups do not meet.
        sort_groups: False masks scores instead of sorting, for debugging.
        device: of the tokens.

    Attributes:
        allow: bool (1 or B, 1, M * r^2, M), True where a query may meet a
            key; None = everywhere within a part.
        parts: lengths into which the M cells are cut; attention stays
            within a part.
        real: bool (1, M, r^2, 1), False where a token is padding; None =
            there is none.

    Raises:
        ValueError: a mask's cells are no whole numbers of key cells.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        side: int,
        groups: AttentionGroups | None = None,
        sort_groups: bool = True,
        device: torch.device | None = None,
    ) -> None:
        self.grid = grid
        self.side = side
        self.padding = (-grid[0] % side, -grid[1] % side)
        self.cells = (-(-grid[0] // side), -(-grid[1] // side))
        self.parts: tuple[int, ...] = (self.cells[0] * self.cells[1],)
        self.allow: Tensor | None = None
        self._order = None
        if groups is not None:
            if sort_groups:
                self._order = groups.order(*self.cells)
            if self._order is not None:
                self.parts = self._order.sizes
            else:
                keys = groups.labels(*self.cells).flatten(1)
                queries = keys.repeat_interleave(side**2, 1)
                self.allow = (queries[..., None] == keys[:, None])[:, None]
        self.real: Tensor | None = None
        if any(self.padding):
            real = torch.ones(1, *grid, 1, dtype=torch.bool, device=device)
            self.real = self.partition(real)

    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, M, r^2, C)."""
        if any(self.padding):
            x = F.pad(x, (0, 0, 0, self.padding[1], 0, self.padding[0]))
        x = cut(x, (self.side, self.side))
        if self._order is None:
            return x
        return x.index_select(1, self._order.permutation)

    def reverse(self, x: Tensor) -> Tensor:
        """(B, M, r^2, C) -> (B, H, W, C), padding cropped."""
        if self._order is not None:
            x = x.index_select(1, self._order.inverse)
        height, width = self.grid
        x = join(x, (self.side, self.side), self.cells[1])
        return x[:, :height, :width]
