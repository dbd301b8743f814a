"""Self-attention of all tokens with fewer keys.

Axes: B images, M key cells, r = side of a cell in tokens, C channels, h
heads, d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.key_cells import KeyCells
from mixmae.models.layers.spatial_reduction import SpatialReduction


class ReducedAttention(nn.Module):
    """Each token attends to the reduced cells of its grid.

    PVT (2102.12122, section 3.3), and Twins' global sub-sampled attention.

    Args:
        embed_dims: channels.
        num_heads: heads, a divisor of ``embed_dims``.
        side: r. At 1 keys are the tokens themselves, unless the reduction
            is 'pool', which has its linear map and norm all the same.
        reduction, norm_eps: see ``SpatialReduction``.

    Raises:
        ValueError: the heads do not divide the channels.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        side: int,
        reduction: str = 'conv',
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dims % num_heads:
            raise ValueError(
                f'embed_dims {embed_dims} cannot be split over num_heads '
                f'{num_heads}; the heads must divide the dims'
            )
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dims, embed_dims)
        self.kv = nn.Linear(embed_dims, 2 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.reduction = (
            SpatialReduction(embed_dims, side, reduction, norm_eps)
            if side > 1 or reduction != 'conv'
            else None
        )

    def forward(self, x: Tensor, layout: KeyCells) -> Tensor:
        """(B, M, r^2, C) -> (B, M, r^2, C), tokens in the layout's order."""
        keys = (
            x[:, :, 0]
            if self.reduction is None
            else self.reduction(x, layout.padding)
        )
        query = self.q(x).unflatten(-1, (self.num_heads, -1))
        key, value = (
            self.kv(keys).unflatten(-1, (2, self.num_heads, -1)).unbind(2)
        )
        segments = zip(
            *(y.split(layout.segments, dim=1) for y in (query, key, value)),
            strict=True,
        )
        mask = layout.attention_mask
        # A concatenated input of proj would be kept for the backward pass.
        out = [self.proj(_attend(*qkv, mask=mask)) for qkv in segments]
        return torch.cat(out, dim=1) if len(out) > 1 else out[0]


def _attend(
    query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor | None
) -> Tensor:
    """(B, M, r^2, h, d) and twice (B, M, h, d) -> (B, M, r^2, C)."""
    out = scaled_dot_product_attention(
        query.flatten(1, 2).transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=mask,
    )
    return out.transpose(1, 2).flatten(2).unflatten(1, query.shape[1:3])
