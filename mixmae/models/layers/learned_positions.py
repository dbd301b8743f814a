"""Absolute positions that are learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixmae.models.layers.absolute_positions import interpolated
from mixmae.models.layers.sincos import grid_coords, sincos_embedding


class LearnedPositions(nn.Module):
    """One learned vector per place of a grid, added to tokens.

    For another grid the table is interpolated bicubically.

    Args:
        rows, columns: grid of tokens that the positions are made for.
        embed_dims: channels of a token.
        start: 'sincos', sines and cosines that learning may change, or
            'random', normal of standard deviation 0.02.
    """

    def __init__(
        self, rows: int, columns: int, embed_dims: int, start: str = 'random'
    ) -> None:
        super().__init__()
        table = torch.empty(rows, columns, embed_dims)
        if start == 'sincos':
            coords = grid_coords(rows, columns, table.device)
            table = sincos_embedding(coords, embed_dims)
        else:
            nn.init.trunc_normal_(table, std=0.02)
        self.table = nn.Parameter(table)

    def forward(self, tokens: Tensor, coords: Tensor | None = None) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C), positions added.

        Args:
            tokens: of a full grid.
            coords: must be None; backbones refuse tokens gathered from a
                larger grid.
        """
        assert coords is None
        return tokens + interpolated(self.table, *tokens.shape[1:3])
