"""Positions from a convolution over neighbouring tokens.

Axes: B images, H and W the token grid, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixmae.structures import AttentionGroups


class PositionConv(nn.Conv2d):
    """A 3x3 depthwise convolution that is added to its input.

    The position encoding generator of CPVT (2102.10882) and Twins
    (2104.13840): zeros beyond the border encode the place of a token.

    Args:
        embed_dims: channels.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__(embed_dims, embed_dims, 3, 1, 1, groups=embed_dims)

    def forward(
        self, x: Tensor, groups: AttentionGroups | None = None
    ) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C).

        Args:
            groups: tokens of the other group count as zeros, like what lies
                beyond the border: each group is convolved on its own, and
                each token takes the result of its group.
        """
        grid = x.permute(0, 3, 1, 2)
        if groups is None:
            out = super().forward(grid)
        else:
            label = groups.labels(*x.shape[1:3])[:, None]
            out = torch.where(
                label,
                super().forward(grid.masked_fill(~label, 0)),
                super().forward(grid.masked_fill(label, 0)),
            )
        return x + out.permute(0, 2, 3, 1)
