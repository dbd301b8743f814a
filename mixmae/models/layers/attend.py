"""Self-attention within windows: which tokens attend to which, and how.

Axes: B images, nW windows, N tokens of a window, C channels, h heads,
d = C / h.

**Attention mask.** A ``Layout`` arranges the tokens of a grid in windows. A
token attends to the tokens of its own window that are in its own segment:

    softmax(q k^T / sqrt(d) + bias, over the tokens of the segment) v

    layout         segments                     what makes them
    Windows        None, the whole window       nothing
    Windows        ids, (1 or B, nW, N)         group ids (MixMAE: the two
                                                images that were mixed),
                                                padding, and what a shift has
                                                rolled to another border
    SortedTokens   lengths, that sum to N       group ids; one window, sorted
                                                by group, all images alike

One window of 2 x 3 tokens, of which the mask hides the right column:

    raster    0 1 2    ids    0 0 1    attention_mask[i, j] = ids[i] == ids[j]
              3 4 5           0 0 1
    sorted    0 1 3 4 | 2 5   lengths (4, 2): two dense matrices, no mask

**Position bias.** Added to the scores, (h, N, N): one for all windows, looked
up by ``layout.positions``, or (B, nW, h, N, N), where tokens were gathered
from a larger grid and stand differently in each image (UM-MAE). None: Twins.

**Backends.** ``choose_backend`` is the only place that chooses.

    backend     runs                         keeps for the backward pass
    sdpa        by default: on a GPU, in     what torch's kernel keeps: q, k,
                validation, compiled,        v, the output, the expanded bias
                traced or exported, without  with its mask; no scores, if the
                a bias, or if a hook or a    kernel is a fused one, as on GPUs
                subclass changes the bias
    cpu_tiled   in training on a CPU, or on  q, k, v, the output, the mask and
                any device if asked for by   the rows of the bias; scores are
                scores='recomputed'          computed again, tile by tile

Both compute the same function; a backend is a function of the arguments of
``attend``, but for ``scores``.
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
        qkv: (B, nW, N, 3, h, d), tokens as the layout has them.
        bias: the relative position bias; None = none.
        layout: windows, segments and positions of the tokens.
        scores: see ``choose_backend``.

    Returns:
        (B, nW, n, C), once or once per segment: joined along the third axis,
        the N tokens. The caller joins them behind its linear map, so that no
        joint copy is kept for the backward pass.
    """
    backend = BACKENDS[choose_backend(qkv.device, bias, scores)]
    return backend(qkv, bias, layout)


def choose_backend(
    device: torch.device, bias: OffsetBias | None, scores: str = 'auto'
) -> str:
    """The backend that runs, a key of ``BACKENDS``.

    Args:
        device: of the tokens.
        bias: the relative position bias; None = none.
        scores: one of ``SCORES``: 'kept' = sdpa; 'recomputed' = cpu_tiled
            wherever its backward pass can run; 'auto' = that on a CPU.
    """
    asked = scores == 'recomputed' or (
        scores == 'auto' and device.type == 'cpu'
    )
    # cpu_tiled reads the rows of the bias and does not call the module.
    if (
        asked
        and bias is not None
        and takes_custom_backward()
        and is_plain(bias, OffsetBias)  # type: ignore[type-abstract]
    ):
        return 'cpu_tiled'
    return 'sdpa'
