"""Attention backend that recomputes score matrices, tile by tile.

Axes: B images, nW windows, N tokens of a window, n of a segment, h heads,
d channels of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mixmae.models.layers.attention_layout import Layout
from mixmae.models.layers.log_coordinate_bias import TokenPairs
from mixmae.models.layers.position_bias import OffsetBias
from mixmae.models.layers.score_tiles import ScoreTiles, accumulation_dtype

# Segment ids are turned into a loop over segments if windows have at least
# so many tokens, and if the segments hold at most this share of all pairs.
_MIN_TOKENS = 128
_MAX_SHARE = 0.75


class Segment(NamedTuple):
    """Tokens that attend to each other and to no others.

    Attributes:
        tokens: of the N tokens of a window, a slice or long (n,).
        positions: long (n,), of these tokens in the raster of the full
            window; None = all of it, in order.
        windows: of the nW windows.
    """

    tokens: slice | Tensor = slice(None)
    positions: Tensor | None = None
    windows: slice = slice(None)

    def select(self, x: Tensor) -> Tensor:
        """(B, nW, N, ...) -> (B, windows, n, ...); a view, if of a slice."""
        x = x[:, self.windows]
        if isinstance(self.tokens, slice):
            return x[:, :, self.tokens]
        return x.index_select(2, self.tokens)

    def buffer(self, x: Tensor) -> Tensor:
        """Memory for this segment of x, for ``write``: a view, if it can."""
        if isinstance(self.tokens, slice):
            return self.select(x)
        shape = x[:, self.windows].shape
        return x.new_empty(*shape[:2], len(self.tokens), *shape[3:])

    def write(self, x: Tensor, buffer: Tensor) -> None:
        """Writes the buffer to this segment of x."""
        if not isinstance(self.tokens, slice):
            x[:, self.windows].index_copy_(2, self.tokens, buffer)

    def pairs(self, index: Tensor | None) -> Tensor | None:
        """(M, M) of a full window -> (n, n), or (B, nW, N, N) as it is."""
        if self.positions is None or index is None:
            return index
        return index[self.positions][:, self.positions]


def cpu_tiled(
    qkv: Tensor, bias: OffsetBias | None, layout: Layout
) -> tuple[Tensor]:
    """Compute all segments in one ``tiled_attention``; see ``attend``."""
    rows, index = (
        (None, None) if bias is None else bias.rows_and_index(layout.positions)
    )
    segments, mask = layout.once(segments_and_mask)
    return (tiled_attention(qkv, rows, index, segments, mask),)


def segments_and_mask(
    layout: Layout,
) -> tuple[tuple[Segment, ...], Tensor | None]:
    """Segments to loop over, and the mask that they leave to apply."""
    positions, segments = layout.positions, layout.segments
    if isinstance(positions, TokenPairs):
        return (Segment(),), layout.attention_mask
    if isinstance(segments, tuple):
        assert positions is not None
        found, start = [], 0
        for places in positions.split(segments):
            tokens = slice(start, start + len(places))
            found.append(Segment(tokens, places))
            start = tokens.stop
        return tuple(found), None
    if segments is not None:
        split = split_by_id(segments, positions)
        if split is not None:
            return split, None
    return (Segment(positions=positions),), layout.attention_mask


def split_by_id(
    ids: Tensor, positions: Tensor | None
) -> tuple[Segment, ...] | None:
    """The segments of each window, where a loop over them pays.

    Their sizes depend on values of a mask, which are not known of a fake
    tensor, and for which a GPU would stall.

    Args:
        ids: int32 (1 or B, nW, N).
        positions: long (N,); see ``Segment``.

    Returns:
        None: apply a mask instead.
    """
    if (
        len(ids) > 1
        or ids.size(2) < _MIN_TOKENS
        or ids.device.type != 'cpu'
        or type(ids) is not Tensor
    ):
        return None
    segments, pairs = [], 0
    for i, window in enumerate(ids[0]):
        order = window.argsort(stable=True)
        _, sizes = window[order].unique_consecutive(return_counts=True)
        for tokens in order.split(sizes.tolist()):
            places = tokens if positions is None else positions[tokens]
            segments.append(Segment(tokens, places, slice(i, i + 1)))
            pairs += len(tokens) ** 2
    # Most windows of a large, shifted grid are not split.
    if pairs > _MAX_SHARE * ids.size(1) * ids.size(2) ** 2:
        return None
    return tuple(segments)


def tiled_attention(
    qkv: Tensor,
    rows: Tensor | None = None,
    index: Tensor | None = None,
    segments: Sequence[Segment] = (Segment(),),
    mask: Tensor | None = None,
) -> Tensor:
    """Attention that keeps its inputs and its output only.

    Autograd would keep the score matrices, over a third of the activation
    memory of a Swin-B with windows of 14. This backward pass computes them
    again from queries, keys and biases, a tile at a time, as 2205.14135 does
    in a GPU's shared memory. The softmax is float32, or float64 for such
    inputs.

    Args:
        qkv: (B, nW, N, 3, h, d).
        rows: (offsets, h), biases; None = no biases.
        index: with ``rows``: long or int, the row of the biases for each pair
            of places in the raster of the full window, (M, M), or for each
            pair of tokens, (B, nW, N, N).
        segments: each token of each window is in one of them. A single one
            of all tokens, with a mask or if ``index`` differs by window.
        mask: bool (1 or B, nW, N, N), True where the row's token attends to
            the column's. None = to all of its segment.

    Returns:
        (B, nW, N, h * d).
    """
    return _TiledAttention.apply(qkv, rows, index, segments, mask).flatten(3)


class _TiledAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        rows: Tensor | None,
        index: Tensor | None,
        segments: Sequence[Segment],
        mask: Tensor | None,
    ) -> Tensor:
        out = qkv.new_empty(*qkv.shape[:3], *qkv.shape[4:])
        for segment in segments:
            tiles = ScoreTiles(
                segment.select(qkv), rows, segment.pairs(index), mask
            )
            mixed = segment.buffer(out)
            for at in tiles:
                tiles.put(mixed[at], tiles.mix(at))
            segment.write(out, mixed)
        ctx.save_for_backward(qkv, rows, index, mask, out)
        ctx.segments = segments
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        qkv, rows, index, mask, out = ctx.saved_tensors
        grad_qkv = torch.empty_like(qkv)
        grad_rows = None
        if rows is not None:
            grad_rows = torch.zeros_like(
                rows, dtype=accumulation_dtype(rows.dtype)
            )
        for segment in ctx.segments:
            tiles = ScoreTiles(
                segment.select(qkv), rows, segment.pairs(index), mask
            )
            grad_out, segment_out = segment.select(grad), segment.select(out)
            grad_heads = segment.buffer(grad_qkv)
            for at in tiles:
                grads = tiles.gradients(
                    tiles.maps(grad_out[at]), tiles.maps(segment_out[at]), at
                )
                targets = grad_heads[at].unbind(3)
                for target, value in zip(targets, grads, strict=True):
                    tiles.put(target, value)
            segment.write(grad_qkv, grad_heads)
            if grad_rows is not None:
                tiles.add_bias_gradient(grad_rows)
        if grad_rows is not None:
            grad_rows = grad_rows.to(rows.dtype)
        return grad_qkv, grad_rows, None, None, None
