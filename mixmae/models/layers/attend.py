"""Windowed self-attention: the attention mask, and the backend that runs.

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
    cpu_tiled   in training on a CPU; on     q, k, v, the output; per layout
                any device with              the mask. The backward pass
                scores='recomputed'          recomputes the score matrices.
    sdpa        otherwise: on a GPU, in      what PyTorch's kernel keeps. A
                inference, compiled or       fused kernel (GPU): q, k, v, the
                exported, with               output, the (h, N, N) bias. The
                scores='kept', without a     math kernel (a bias that is
                bias, and if a hook or a     trained on a CPU): the score
                subclass changes the bias    matrices, too.

Not here: ``SelfAttention`` (ViT, decoders), in which each token attends to
all tokens, and ``ReducedAttention`` (PVT, Twins), whose keys are not tokens;
``KeyCells`` has its mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mixmae.models.layers.attention_cpu_tiled import cpu_tiled
from mixmae.models.layers.attention_sdpa import sdpa
from mixmae.models.layers.layout import Layout
from mixmae.models.layers.plain_module import is_plain, takes_custom_backward
from mixmae.models.layers.position_bias import OffsetBias

BACKENDS: dict[str, Callable[[Tensor, Any, Layout], tuple[Tensor, ...]]] = {
    'sdpa': sdpa,
    'cpu_tiled': cpu_tiled,
}
SCORES = ('auto', 'kept', 'recomputed')


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
    backend = BACKENDS[choose_backend(qkv.device, bias, scores)]
    return backend(qkv, bias, layout)


def choose_backend(
    device: torch.device, bias: OffsetBias | None, scores: str = 'auto'
) -> str:
    """Name of the backend that runs, a key of ``BACKENDS``.

    Args:
        device: of the tokens.
        bias: relative position bias; None = none.
        scores: one of ``SCORES``: 'kept' = sdpa; 'recomputed' = cpu_tiled in
            training; 'auto' = 'recomputed' on a CPU, 'kept' elsewhere.
    """
    asked = scores == 'recomputed' or (
        scores == 'auto' and device.type == 'cpu'
    )
    # cpu_tiled reads the rows of the bias and does not call its module.
    if (
        asked
        and bias is not None
        and takes_custom_backward()
        and is_plain(bias, OffsetBias)  # type: ignore[type-abstract]
    ):
        return 'cpu_tiled'
    return 'sdpa'
