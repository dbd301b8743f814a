"""Layout of a stage's tokens for attention with reduced keys.

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

    A token attends to the keys of its segment. With groups, a segment is a
    group: if one order serves the whole batch, the cells are sorted by group
    and attention is dense within each segment; if not, there is an attention
    mask. All tokens of a key cell are of one group, because a mask's cells
    are whole numbers of key cells.

    Args:
        grid: (H, W) of the tokens; padded at the bottom and right with
            zeros up to whole cells, so that each cell has a real token.
        side: r.
        groups: tokens attend to keys of their group only.
        sort_groups: False masks scores instead of sorting, for debugging.
        device: of the tokens.

    Attributes:
        segments: lengths of segments of consecutive cells, which sum to M.
        attention_mask: bool (1 or B, 1, M * r^2, M), True where the row's
            token attends to the column's key; None = to all of its segment.
        padding: bool (1, M, r^2, 1), True where a token is padding; None =
            no padding.

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
        self._pad = (-grid[0] % side, -grid[1] % side)
        self.cells = (-(-grid[0] // side), -(-grid[1] // side))
        self.segments: tuple[int, ...] = (self.cells[0] * self.cells[1],)
        self.attention_mask: Tensor | None = None
        self._order = None
        if groups is not None:
            if sort_groups:
                self._order = groups.order(*self.cells)
            if self._order is not None:
                self.segments = self._order.sizes
            else:
                keys = groups.labels(*self.cells).flatten(1)
                queries = keys.repeat_interleave(side**2, 1)
                self.attention_mask = (queries[..., None] == keys[:, None])[
                    :, None
                ]
        self.padding: Tensor | None = None
        if any(self._pad):
            real = torch.ones(1, *grid, 1, dtype=torch.bool, device=device)
            self.padding = ~self.partition(real)

    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, M, r^2, C)."""
        if any(self._pad):
            x = F.pad(x, (0, 0, 0, self._pad[1], 0, self._pad[0]))
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
