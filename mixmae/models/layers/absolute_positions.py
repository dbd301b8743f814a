"""Absolute positions for token grids of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixmae.models.layers.sincos import grid_coords, sincos_embedding


def interpolated(table: Tensor, rows: int, columns: int) -> Tensor:
    """Positions (h, w, C), interpolated bicubically for another grid."""
    if (rows, columns) == table.shape[:2]:
        return table
    grid = table.permute(2, 0, 1)[None]
    resized = F.interpolate(grid, (rows, columns), mode='bicubic')
    return resized[0].permute(1, 2, 0)


class SinCosPositions(nn.Module):
    """Frozen sine-cosine positions, added to tokens.

    Args:
        rows, columns: grid of tokens that the positions are made for.
        embed_dims: channels of a token, a multiple of 4.
        resize: method for another grid. 'bicubic' interpolates the table, as
            the official fine-tuning does: coordinates keep their range, so a
            token of a larger image lies between two old ones. 'sincos'
            computes new ones: coordinates keep their unit, so the top left
            of a larger image has the positions of pretraining, and the rest
            has coordinates that pretraining did not have.

    Raises:
        ValueError: ``resize`` is neither.
    """

    table: Tensor

    def __init__(
        self, rows: int, columns: int, embed_dims: int, resize: str = 'bicubic'
    ) -> None:
        super().__init__()
        if resize not in ('bicubic', 'sincos'):
            raise ValueError(
                f"position_resize must be 'bicubic' or 'sincos', got {resize}"
            )
        self.resize = resize
        table = sincos_embedding(grid_coords(rows, columns), embed_dims)
        # Not saved, as it can be computed.
        self.register_buffer('table', table, persistent=False)

    def forward(self, tokens: Tensor, coords: Tensor | None = None) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C), positions added.

        Args:
            tokens: of a full grid, or gathered from one.
            coords: (B, h, w, 2), (y, x) of gathered tokens; None = full grid.
        """
        return tokens + self.at(tokens.shape[1:3], coords)

    def at(
        self, grid: torch.Size | tuple[int, int], coords: Tensor | None = None
    ) -> Tensor:
        """The positions of a full grid (h, w, C), or at given coordinates."""
        dims = self.table.size(-1)
        if coords is not None:
            return sincos_embedding(coords, dims)
        rows, columns = grid
        if self.resize == 'sincos' and tuple(grid) != self.table.shape[:2]:
            coords = grid_coords(rows, columns, self.table.device)
            return sincos_embedding(coords, dims)
        return interpolated(self.table, rows, columns)
