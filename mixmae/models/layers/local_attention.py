"""Self-attention within windows, without position biases.

Axes: B images, nW windows, N tokens of a window, C channels, h heads,
d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.attention import AttentionHeads
from mixmae.models.layers.plain_module import replaceable
from mixmae.models.layers.windows import Layout


@replaceable
class LocalAttention(AttentionHeads):
    """Twins' locally-grouped self-attention (2104.13840, section 3.2)."""

    def forward(
        self, x: Tensor, layout: Layout, norm: nn.LayerNorm | None = None
    ) -> Tensor:
        """(B, nW, N, C) -> (B, nW, N, C), tokens as the layout has them."""
        qkv = self.layout_heads(x, layout, norm)
        parts = qkv.split(layout.parts, dim=2)
        # Projected part by part, the parts need no joint copy for backward.
        out = [self.proj(self._attend(part, layout.allow)) for part in parts]
        return torch.cat(out, dim=2) if len(out) > 1 else out[0]

    def _attend(self, qkv: Tensor, allow: Tensor | None) -> Tensor:
        """(B, nW, N, 3, h, d) -> (B, nW, N, C)."""
        images, windows = qkv.shape[:2]
        qkv = qkv.permute(3, 0, 1, 4, 2, 5)
        # Four axes keep scaled_dot_product_attention off its slowest path.
        # Windows join the images, or, where each has its own mask and all
        # images the same ones, the heads.
        if allow is None or allow.size(0) > 1:
            query, key, value = qkv.flatten(1, 2)
            mask = None if allow is None else allow.flatten(0, 1)[:, None]
        else:
            query, key, value = qkv.flatten(2, 3)
            mask = allow.repeat_interleave(self.num_heads, 1)
        out = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out = out.reshape(images, windows, self.num_heads, *out.shape[-2:])
        return out.transpose(2, 3).flatten(3)
