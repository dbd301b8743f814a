"""Self-attention: of all tokens, and within the windows of a layout.

Axes: B images, nW windows, N tokens, C channels, h heads, d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixmae.models.layers.attention_backends import (
    SCORES,
    attend,
    attend_all,
)
from mixmae.models.layers.attention_layout import Layout
from mixmae.models.layers.custom_backward import linear_of_norm, replaceable
from mixmae.models.layers.log_coordinate_bias import LogCoordinateBias
from mixmae.models.layers.position_bias import (
    OffsetBias,
    RelativePositionBias,
)


def check_heads(embed_dims: int, num_heads: int) -> None:
    """Raise ``ValueError`` unless the heads divide the channels."""
    if num_heads < 1 or embed_dims < 1 or embed_dims % num_heads:
        raise ValueError(
            f'embed_dims {embed_dims} cannot be split over num_heads '
            f'{num_heads}; the heads must divide the dims'
        )


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
        check_heads(embed_dims, num_heads)
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def heads(self, x: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """Queries, keys and values: (..., N, C) -> (..., N, 3, h, d).

        Args:
            x: the tokens.
            norm: the block's norm before attention, if it is applied here;
                the backward pass repeats it instead of keeping its output.
        """
        qkv = (
            self.qkv(x) if norm is None else linear_of_norm(x, norm, self.qkv)
        )
        return qkv.unflatten(-1, (3, self.num_heads, -1))

    def layout_heads(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None
    ) -> Tensor:
        """``heads`` of the tokens of a layout, with zeros as padding."""
        if layout.padding is None:
            return self.heads(x, norm)
        x = x if norm is None else norm(x)
        return self.heads(x.masked_fill(layout.padding, 0))

    def project(self, segments: tuple[Tensor, ...]) -> Tensor:
        """Projects each segment, (B, nW, n, C), and joins them."""
        out = [self.proj(x) for x in segments]
        return torch.cat(out, dim=2) if len(out) > 1 else out[0]


@replaceable
class SelfAttention(AttentionHeads):
    """Multi-head self-attention of all tokens of a sequence."""

    def forward(self, x: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """(B, N, C) -> (B, N, C); see ``heads``."""
        return self.proj(attend_all(self.heads(x, norm)))


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
        scores: which backend runs, one of ``SCORES``; see ``attend``.

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
            layout: which tokens attend to each other; see ``attend``.
            norm: see ``heads``.
        """
        qkv = self.layout_heads(x, layout, norm)
        out = attend(qkv, self.position_bias, layout, self.scores)
        return self.project(out)


@replaceable
class LocalAttention(AttentionHeads):
    """Self-attention within windows, without position biases.

    Twins' locally-grouped self-attention (2104.13840, section 3.2).
    """

    def forward(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None = None
    ) -> Tensor:
        """(B, nW, N, C) -> (B, nW, N, C); see ``WindowAttention``."""
        qkv = self.layout_heads(x, layout, norm)
        return self.project(attend(qkv, None, layout))
