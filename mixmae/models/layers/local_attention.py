"""Self-attention within windows, without position biases.

Axes: B images, nW windows, N tokens of a window, C channels, h heads,
d = C / h.
"""

from __future__ import annotations

from torch import Tensor, nn

from mixmae.models.layers.attend import attend
from mixmae.models.layers.attention import AttentionHeads
from mixmae.models.layers.layout import Layout
from mixmae.models.layers.plain_module import replaceable


@replaceable
class LocalAttention(AttentionHeads):
    """Twins' locally-grouped self-attention (2104.13840, section 3.2)."""

    def forward(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None = None
    ) -> Tensor:
        """(B, nW, N, C) -> (B, nW, N, C), tokens as the layout has them."""
        qkv = self.layout_heads(x, layout, norm)
        return self.project(attend(qkv, None, layout))
