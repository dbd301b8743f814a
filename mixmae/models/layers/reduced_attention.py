"""Self-attention of all tokens with fewer keys: one for each r x r tokens.

These regions of r x r tokens divide the cells of a mask.

Axes: B images, M regions, r = side of a region in tokens, C channels, h
heads, d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.attention import check_heads
from mixmae.models.layers.attention_layout import cut, join
from mixmae.models.layers.patches import is_patch_conv
from mixmae.structures import AttentionGroups

REDUCTIONS = ('conv', 'pool')


class SpatialReduction(nn.Module):
    """Makes one token of r x r and normalises it.

    Args:
        embed_dims: channels.
        side: r. 1 is of use for 'pool' only.
        kind: 'conv', a convolution of kernel and stride r (PVT, 2102.12122,
            section 3.3), or 'pool', the mean of the tokens and a linear map,
            whose weights do not depend on r (UM-MAE
            models_mae_pvt.py). Both keep the shapes of convolutions.
        norm_eps: epsilon of the layer norm.

    Raises:
        ValueError: another ``kind``, or ``side`` is not positive.
    """

    def __init__(
        self,
        embed_dims: int,
        side: int,
        kind: str = 'conv',
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if kind not in REDUCTIONS:
            raise ValueError(
                f'reduction must be one of {REDUCTIONS}, got {kind!r}'
            )
        if side < 1:
            raise ValueError(
                f'spatial reduction needs a side of at least 1 token, got '
                f'{side}'
            )
        self.pool = kind == 'pool'
        self.side = side = 1 if self.pool else side
        self.proj = nn.Conv2d(embed_dims, embed_dims, side, stride=side)
        self.norm = nn.LayerNorm(embed_dims, eps=norm_eps)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, M, r^2, C) -> (B, M, C), tokens of a region in raster order.

        Args:
            padding: bool (1, M, r^2, 1), True where a token is padding: zero
                in a convolution, left out of a mean.
        """
        if padding is not None:
            x = x.masked_fill(padding, 0)
        if self.pool:
            mean = (
                x.mean(2) if padding is None else x.sum(2) / (~padding).sum(2)
            )
            x = mean[:, :, None]
        return self.norm(self._project(x))

    def _project(self, x: Tensor) -> Tensor:
        """Convolves each region separately, (B, M, side^2, C) -> (B, M, C)."""
        proj, side = self.proj, self.side
        if is_patch_conv(proj, side):
            # Of a region on its own that is a matrix product.
            weight = proj.weight.permute(0, 2, 3, 1).flatten(1)
            return F.linear(x.flatten(2), weight, proj.bias)
        regions = x.flatten(0, 1).unflatten(1, (side, side)).movedim(-1, 1)
        return proj(regions).flatten(1).unflatten(0, x.shape[:2])


class KeyRegions:
    """A grid cut into regions of r x r tokens, each of which makes one key.

    A token attends to the keys of its segment. With groups, a segment is a
    group: if one order serves the whole batch, the regions are sorted by
    group and attention is dense within each segment; if not, there is an
    attention mask. All tokens of a region are of one group, because a mask's
    cells are whole numbers of regions.

    Args:
        grid: (H, W) of the tokens; padded at the bottom and right with
            zeros up to whole regions, so that each has a real token.
        side: r.
        groups: tokens attend to keys of their group only.
        sort_groups: False masks scores instead of sorting, for debugging.
        device: of the tokens.

    Attributes:
        segments: lengths of segments of consecutive regions, which sum to M.
        attention_mask: bool (1 or B, 1, M * r^2, M), True where the row's
            token attends to the column's key; None = to all of its segment.
        padding: bool (1, M, r^2, 1), True where a token is padding; None =
            no padding.

    Raises:
        ValueError: the cells of the mask are not multiples of the regions.
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
        self.regions = (-(-grid[0] // side), -(-grid[1] // side))
        self.segments: tuple[int, ...] = (self.regions[0] * self.regions[1],)
        self.attention_mask: Tensor | None = None
        self._order = None
        if groups is not None and sort_groups:
            self._order = groups.order(*self.regions)
        if self._order is not None:
            self.segments = self._order.sizes
        elif groups is not None:
            keys = groups.labels(*self.regions).flatten(1)
            queries = keys.repeat_interleave(side**2, 1)
            attends = queries[..., None] == keys[:, None]
            self.attention_mask = attends[:, None]
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
        x = join(x, (self.side, self.side), self.regions[1])
        return x[:, :height, :width]


class ReducedAttention(nn.Module):
    """Attention of each token to the reduced regions of its grid.

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
        check_heads(embed_dims, num_heads)
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dims, embed_dims)
        self.kv = nn.Linear(embed_dims, 2 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.reduction = (
            SpatialReduction(embed_dims, side, reduction, norm_eps)
            if side > 1 or reduction != 'conv'
            else None
        )

    def forward(self, x: Tensor, layout: KeyRegions) -> Tensor:
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
