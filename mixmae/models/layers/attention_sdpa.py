"""Attention backend: torch's ``scaled_dot_product_attention``.

Axes: B images, nW windows, N tokens of a window, n of a segment, C channels,
h heads, d = C / h.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.layout import Layout
from mixmae.models.layers.position_bias import OffsetBias


def sdpa(
    qkv: Tensor, bias: OffsetBias | None, layout: Layout
) -> tuple[Tensor, ...]:
    """One call without segments or with segment ids, else one per segment.

    See ``attend``.
    """
    if not isinstance(layout.segments, tuple):
        term = None if bias is None else bias(layout.positions)
        return (_attend(qkv, term, layout.attention_mask),)
    positions = layout.positions
    assert isinstance(positions, Tensor)
    return tuple(
        _attend(tokens, None if bias is None else bias(places))
        for tokens, places in zip(
            qkv.split(layout.segments, dim=2),
            positions.split(layout.segments),
            strict=True,
        )
    )


def _attend(
    qkv: Tensor, bias: Tensor | None, mask: Tensor | None = None
) -> Tensor:
    """One call of torch's attention.

    Args:
        qkv: (B, nW, n, 3, h, d).
        bias: (h, n, n), or (B, nW, h, n, n).
        mask: bool (1 or B, nW, n, n), True = attend.

    Returns:
        (B, nW, n, C).
    """
    images, windows, _, _, heads, _ = qkv.shape
    term = _additive(bias, mask, qkv.dtype)
    qkv = qkv.permute(3, 0, 1, 4, 2, 5)
    # torch's fast kernels take four axes: (batch, heads, n, d) and a term
    # that broadcasts to (batch, heads, n, n). Windows join the images, which
    # copies nothing; but the heads, where each window has its own term that
    # all images share.
    if term is not None and term.size(0) == 1 < term.size(1):
        query, key, value = qkv.flatten(2, 3)
        term = term.expand(-1, -1, heads, -1, -1).flatten(1, 2)
    else:
        query, key, value = qkv.flatten(1, 2)
        term = None if term is None else term.flatten(0, 1)
    out = scaled_dot_product_attention(query, key, value, attn_mask=term)
    out = out.reshape(images, windows, heads, *out.shape[-2:])
    return out.transpose(2, 3).flatten(3)


def _additive(
    bias: Tensor | None, mask: Tensor | None, dtype: torch.dtype
) -> Tensor | None:
    """Bias and mask in one, (1 or B, 1 or nW, 1 or h, n, n).

    Returns:
        float, -inf where a pair is masked; bool, if there is no bias; or
        None.
    """
    if mask is not None:
        mask = mask[:, :, None]
    if bias is None:
        return mask
    bias = bias if bias.dim() == 5 else bias[None, None]
    bias = bias.to(dtype)
    return bias if mask is None else bias.masked_fill(~mask, -torch.inf)
