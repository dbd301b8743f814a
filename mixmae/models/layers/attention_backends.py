"""Attention with bias and mask, by SDPA or in tiles, and its equations.

Axes: B images, nW windows, N tokens of a window, C channels, h heads,
d = C / h.

Attention mask
--------------
A ``Layout`` partitions a token grid into windows. A token attends to the
tokens of its own window that are in the same segment:

    softmax(q k^T / sqrt(d) + position bias + mask) v

    layout         layout.segments              a segment is
    Windows        None                         the whole window
                   ids, (1 or B, nW, N)         the tokens of a window with the
                                                same id, see below
    SortedTokens   lengths, which sum to N      a run of consecutive tokens

Three things get segment ids of their own in ``Windows``: the two groups of an
``AttentionGroups`` (the hidden and the visible cells, which in MixMAE come
from two images), padding, and the regions of a window that a cyclic shift has
brought together from opposite borders (Swin). ``SortedTokens`` replaces
``Windows`` where one window covers the grid and one mask serves all images of
the batch: tokens sorted by group need no mask. An example, 2 x 3 tokens of
which the right column is hidden:

    grid      0 1 2    Windows: ids        0 0 1   attention_mask[i, j] =
              3 4 5                        0 0 1       ids[i] == ids[j]

    sorted    0 1 3 4 2 5    SortedTokens: lengths (4, 2), no mask

Position bias
-------------
Swin's table or UM-MAE's MLP, called with ``layout.positions``: (h, N, N), or
(B, nW, h, N, N) for gathered tokens, whose offsets differ by image. Twins has
no position bias.

Backends
--------
``choose_backend`` is the only place that chooses. Both compute the same.

    backend     runs                         keeps for the backward pass
    cpu_tiled   in training on a CPU,        q, k, v, the output; per layout
                with a bias or in 16 bits;   the mask. The backward pass
                on any device with           recomputes the score matrices.
                scores='recomputed'
    sdpa        otherwise: on a GPU, in      what PyTorch's kernel keeps. A
                inference, compiled or       fused kernel (GPU; CPU without a
                exported, with               bias): q, k, v, the output, the
                scores='kept', in float32    (h, N, N) bias. The math kernel
                without a bias, and if a     (a bias that is trained on a
                hook or a subclass changes   CPU): the score matrices, too.
                the bias

In 16 bits, PyTorch's fused CPU kernel takes 1.2 to 5 times as long as
cpu_tiled for sequences of 196 to 36 tokens (LOG.md, 2026-11-30).

``attend_all`` is for ``SelfAttention`` (decoders), in which each token attends
to all tokens. Not here: ``ReducedAttention`` (PVT, Twins), whose keys are not
tokens; ``KeyRegions`` has its mask. The blocks of ``MIMViT`` are mmpretrain's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mixmae.models.layers.attention_cpu_tiled import (
    cpu_tiled,
    tiled_attention,
)
from mixmae.models.layers.attention_layout import Layout
from mixmae.models.layers.custom_backward import (
    is_plain,
    takes_custom_backward,
)
from mixmae.models.layers.position_bias import OffsetBias

SCORES = ('auto', 'kept', 'recomputed')


def choose_backend(
    qkv: Tensor, bias: OffsetBias | None, scores: str = 'auto'
) -> str:
    """Name of the backend that runs, a key of ``BACKENDS``.

    Args:
        qkv: see ``attend``.
        bias: relative position bias; None = none.
        scores: one of ``SCORES``: 'kept' = sdpa; 'recomputed' = cpu_tiled in
            training; 'auto' = 'recomputed' on a CPU, 'kept' elsewhere.
            Without a bias, 'recomputed' is for 16 bits only.
    """
    asked = scores == 'recomputed' or (
        scores == 'auto' and qkv.device.type == 'cpu'
    )
    if bias is None:
        fits = qkv.dtype.itemsize == 2
    else:
        # cpu_tiled reads the rows of the bias and does not call its module.
        fits = is_plain(bias, OffsetBias)  # type: ignore[type-abstract]
    if asked and fits and takes_custom_backward():
        return 'cpu_tiled'
    return 'sdpa'


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
    """Return bias and mask as one ``attn_mask`` of PyTorch's attention.

    Returns:
        (1 or B, 1 or nW, 1 or h, n, n). float: the bias, -inf where a pair is
        masked; bool, True where a pair attends, if there is no bias; None
        without either.
    """
    if mask is not None:
        mask = mask[:, :, None]
    if bias is None:
        return mask
    bias = bias if bias.dim() == 5 else bias[None, None]
    bias = bias.to(dtype)
    return bias if mask is None else bias.masked_fill(~mask, -torch.inf)


BACKENDS: dict[str, Callable[[Tensor, Any, Layout], tuple[Tensor, ...]]] = {
    'sdpa': sdpa,
    'cpu_tiled': cpu_tiled,
}


def attend(
    qkv: Tensor,
    bias: OffsetBias | None,
    layout: Layout,
    scores: str = 'auto',
) -> tuple[Tensor, ...]:
    """Attention of each token to the tokens of its segment.

    Args:
        qkv: (B, nW, N, 3, h, d), in the token order of the layout.
        bias: relative position bias; None = none.
        layout: windows, segments and positions of the tokens.
        scores: see ``choose_backend``.

    Returns:
        Chunks (B, nW, n, C) along the token axis, one or one per segment.
        The caller concatenates them after its output projection: a
        concatenated input of it would be kept for the backward pass.
    """
    backend = BACKENDS[choose_backend(qkv, bias, scores)]
    return backend(qkv, bias, layout)


def attend_all(qkv: Tensor) -> Tensor:
    """Attention of each token to all tokens of its sequence.

    Args:
        qkv: (B, N, 3, h, d).

    Returns:
        (B, N, C).
    """
    if choose_backend(qkv, None) == 'cpu_tiled':
        return tiled_attention(qkv[:, None])[:, 0]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    out = scaled_dot_product_attention(query, key, value)
    return out.transpose(1, 2).flatten(2)
