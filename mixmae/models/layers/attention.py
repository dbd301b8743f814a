"""Self-attention: plain, and within the windows of a layout.

Axes: B images, nW windows, N tokens, C channels, h heads, d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.biased_attention import Part, biased_attention
from mixmae.models.layers.log_coordinate_bias import (
    LogCoordinateBias,
    TokenPairs,
)
from mixmae.models.layers.plain_module import (
    is_plain,
    replaceable,
    takes_custom_backward,
)
from mixmae.models.layers.position_bias import (
    OffsetBias,
    RelativePositionBias,
)
from mixmae.models.layers.recomputed_linear import linear_of_norm
from mixmae.models.layers.windows import Layout

SCORES = ('auto', 'kept', 'recomputed')


class AttentionHeads(nn.Module):
    """The projections into and out of the heads of an attention.

    Args:
        embed_dims: channels.
        num_heads: heads, a divisor of ``embed_dims``.

    Raises:
        ValueError: the heads do not divide the channels.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or embed_dims % num_heads:
            raise ValueError(
                f'embed_dims {embed_dims} cannot be split over num_heads '
                f'{num_heads}; the heads must divide the dims'
            )
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def heads(self, x: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """Queries, keys and values: (..., N, C) -> (..., N, 3, h, d).

        Args:
            x: the tokens.
            norm: comes first, and is repeated in the backward pass.
        """
        qkv = (
            self.qkv(x) if norm is None else linear_of_norm(x, norm, self.qkv)
        )
        return qkv.unflatten(-1, (3, self.num_heads, -1))

    def layout_heads(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None
    ) -> Tensor:
        """``heads`` of the tokens of a layout, whose padding is zero."""
        if layout.real is None:
            return self.heads(x, norm)
        x = x if norm is None else norm(x)
        return self.heads(x.masked_fill(~layout.real, 0))


@replaceable
class SelfAttention(AttentionHeads):
    """Multi-head self-attention of all tokens of a sequence."""

    def forward(self, x: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """(B, N, C) -> (B, N, C); see ``heads``."""
        query, key, value = self.heads(x, norm).permute(2, 0, 3, 1, 4)
        out = scaled_dot_product_attention(query, key, value)
        return self.proj(out.transpose(1, 2).flatten(2))


@replaceable
class WindowAttention(AttentionHeads):
    """Self-attention within windows, with relative position biases.

    Args:
        embed_dims: channels.
        num_heads: heads, a divisor of ``embed_dims``.
        window: side of the full window.
        bias_resize: see ``RelativePositionBias``.
        bias_dims: hidden channels of a ``LogCoordinateBias``; None = a
            ``RelativePositionBias``.
        scores: what becomes of the score matrices in training, one of
            ``SCORES``: 'kept' by torch's attention if it has to,
            'recomputed' in the backward pass (``biased_attention``; compiled
            code keeps torch's), or 'auto', recomputed on a CPU.

    Raises:
        ValueError: unknown ``scores``, or the heads do not fit.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        window: int,
        bias_resize: str = 'bicubic',
        bias_dims: int | None = None,
        scores: str = 'auto',
    ) -> None:
        super().__init__(embed_dims, num_heads)
        if scores not in SCORES:
            raise ValueError(
                f'scores must be one of {list(SCORES)}, got {scores!r}'
            )
        self.scores = scores
        self.position_bias: OffsetBias = (
            RelativePositionBias(window, num_heads, bias_resize)
            if bias_dims is None
            else LogCoordinateBias(window, num_heads, bias_dims)
        )

    def forward(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None = None
    ) -> Tensor:
        """(B, nW, N, C) -> (B, nW, N, C), tokens as the layout has them.

        Args:
            x: the tokens.
            layout: says which of them meet.
            norm: see ``heads``.
        """
        qkv = self.layout_heads(x, layout, norm)
        if self._recomputed(qkv):
            out = self._attend_recomputed(qkv, layout)
        elif layout.pairs is not None:
            out = self._attend_gathered(qkv, layout.pairs, layout.allow)
        elif len(layout.parts) == 1:
            out = self._attend(qkv, layout.positions, layout.allow)
        else:
            assert layout.positions is not None and layout.allow is None
            parts = zip(
                qkv.split(layout.parts, dim=2),
                layout.positions.split(layout.parts),
                strict=True,
            )
            out = torch.cat([self._attend(*part) for part in parts], dim=2)
        return self.proj(out)

    def _recomputed(self, qkv: Tensor) -> bool:
        """Whether the backward pass computes the scores again."""
        bias = self.position_bias
        plain = is_plain(bias, RelativePositionBias) or is_plain(
            bias, LogCoordinateBias
        )
        if not plain or not takes_custom_backward():
            return False
        if self.scores == 'auto':
            return qkv.device.type == 'cpu'
        return self.scores == 'recomputed'

    def _attend_recomputed(self, qkv: Tensor, layout: Layout) -> Tensor:
        """(B, nW, N, 3, h, d) -> (B, nW, N, C), no scores are kept."""
        if layout.pairs is not None:
            assert isinstance(self.position_bias, LogCoordinateBias)
            rows = self.position_bias.at(layout.pairs.offsets())
            index = layout.pairs.row
            return biased_attention(qkv, rows, index, allow=layout.allow)
        rows, index = self.position_bias.rows(), self.position_bias.index
        if layout.split is not None:
            return biased_attention(qkv, rows, index, layout.split)
        if len(layout.parts) == 1:
            whole = [Part(positions=layout.positions)]
            return biased_attention(qkv, rows, index, whole, layout.allow)
        assert layout.positions is not None and layout.allow is None
        parts, start = [], 0
        for positions in layout.positions.split(layout.parts):
            tokens = slice(start, start + len(positions))
            parts.append(Part(tokens, positions))
            start = tokens.stop
        return biased_attention(qkv, rows, index, parts)

    def _attend(
        self,
        qkv: Tensor,
        positions: Tensor | None,
        allow: Tensor | None = None,
    ) -> Tensor:
        """(B, nW, N, 3, h, d) -> (B, nW, N, C)."""
        images, windows = qkv.shape[:2]
        bias = self.position_bias(positions)[None].to(qkv.dtype)
        qkv = qkv.permute(3, 0, 1, 4, 2, 5)
        # An additive 4-D term keeps scaled_dot_product_attention off its
        # slowest path, so windows join the images or the heads: images where
        # one bias serves all windows, heads where each has its own.
        if allow is None:
            query, key, value = qkv.flatten(1, 2)
        else:
            query, key, value = qkv.flatten(2, 3)
            bias = bias[:, None].masked_fill(~allow[:, :, None], -torch.inf)
            bias = bias.flatten(1, 2)
        out = scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out = out.reshape(images, windows, self.num_heads, *out.shape[-2:])
        return out.transpose(2, 3).flatten(3)

    def _attend_gathered(
        self, qkv: Tensor, pairs: TokenPairs, allow: Tensor | None
    ) -> Tensor:
        """(B, nW, N, 3, h, d) -> (B, nW, N, C), with biases per image."""
        bias = self.position_bias(pairs).to(qkv.dtype)
        if allow is not None:
            bias = bias.masked_fill(~allow[:, :, None], -torch.inf)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5).flatten(1, 2)
        out = scaled_dot_product_attention(
            query, key, value, attn_mask=bias.flatten(0, 1)
        )
        return out.transpose(1, 2).flatten(2).unflatten(0, qkv.shape[:2])
