"""Window attention with learned biases that keeps no score matrices.

Axes: B images, nW windows, N tokens of a window, n of a part, h heads,
d channels of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Numbers of the score matrices that are worked on at once: on a CPU they
# stay in a core's cache, and in memory that was touched before. Fresh pages
# cost more than the arithmetic there.
_CACHED = 1 << 18
_ON_GPU = 1 << 26
_Tile = tuple[slice, slice]


class Part(NamedTuple):
    """Tokens of some windows that meet each other and nobody else.

    Attributes:
        tokens: which of the N tokens, a slice or long (n,).
        positions: long (n,), where they stand in the raster of the full
            window; None = all, in order.
        windows: which of the nW windows.
    """

    tokens: slice | Tensor = slice(None)
    positions: Tensor | None = None
    windows: slice = slice(None)

    def of(self, x: Tensor) -> Tensor:
        """(B, nW, N, ...) -> (B, windows, n, ...); a view, if of a slice."""
        x = x[:, self.windows]
        if isinstance(self.tokens, slice):
            return x[:, :, self.tokens]
        return x.index_select(2, self.tokens)

    def room(self, x: Tensor) -> Tensor:
        """Where ``write`` wants what belongs to this part of x."""
        if isinstance(self.tokens, slice):
            return self.of(x)
        shape = x[:, self.windows].shape
        return x.new_empty(*shape[:2], len(self.tokens), *shape[3:])

    def write(self, x: Tensor, values: Tensor) -> None:
        """Puts what was written to ``room`` into x."""
        if not isinstance(self.tokens, slice):
            x[:, self.windows].index_copy_(2, self.tokens, values)

    def among(self, index: Tensor) -> Tensor:
        """(M, M) of a full window -> (n, n), or (B, nW, N, N) as it is."""
        if self.positions is None:
            return index
        return index[self.positions][:, self.positions]


def biased_attention(
    qkv: Tensor,
    rows: Tensor,
    index: Tensor,
    parts: Sequence[Part] = (Part(),),
    allow: Tensor | None = None,
) -> Tensor:
    """Attention of which only its inputs and its output are kept.

    Autograd would keep the score matrices, over a third of what a Swin-B with
    windows of 14 keeps. Here the backward pass computes them again from
    queries, keys and biases, a tile at a time, as 2205.14135 does within a
    GPU's chip; the softmax is float32, or float64 for such inputs.

    Args:
        qkv: (B, nW, N, 3, h, d), of all tokens.
        rows: (offsets, h), biases.
        index: long or int (M, M), the row of the biases for each pair of
            places in the raster of the full window; or (B, nW, N, N), for
            each pair of tokens.
        parts: each token of each window is in one of them. A single part of
            all tokens, if ``allow`` is given or ``index`` differs by window.
        allow: bool (1 or B, nW, N, N), True where two tokens may meet. None =
            everywhere within a part.

    Returns:
        (B, nW, N, h * d).
    """
    return _BiasedAttention.apply(qkv, rows, index, parts, allow).flatten(3)


def biases(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (offsets, h) looked up: (..., n, n) -> (..., h, n, n)."""
    bias = rows.index_select(0, index.flatten())
    return bias.view(*index.shape, -1).movedim(-1, -3)


class _BiasedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        rows: Tensor,
        index: Tensor,
        parts: Sequence[Part],
        allow: Tensor | None,
    ) -> Tensor:
        out = qkv.new_empty(*qkv.shape[:3], *qkv.shape[4:])
        for part in parts:
            tiles = _Tiles(part.of(qkv), rows, part.among(index), allow)
            mixed = part.room(out)
            for at in tiles:
                weights, _ = tiles.weights(at)
                tiles.put(mixed[at], tiles.mix(weights, at))
            part.write(out, mixed)
        ctx.save_for_backward(qkv, rows, index, allow, out)
        ctx.parts = parts
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        qkv, rows, index, allow, out = ctx.saved_tensors
        grad_qkv = torch.empty_like(qkv)
        grad_rows = torch.zeros_like(rows, dtype=_exact(rows.dtype))
        for part in ctx.parts:
            tiles = _Tiles(part.of(qkv), rows, part.among(index), allow)
            grad_part, out_part = part.of(grad), part.of(out)
            grad_heads = part.room(grad_qkv)
            for at in tiles:
                grads = tiles.gradients(
                    tiles.maps(grad_part[at]), tiles.maps(out_part[at]), at
                )
                targets = grad_heads[at].unbind(3)
                for target, value in zip(targets, grads, strict=True):
                    tiles.put(target, value)
            part.write(grad_qkv, grad_heads)
            tiles.add_bias_gradient(grad_rows)
        return grad_qkv, grad_rows.to(rows.dtype), None, None, None


class _Tiles:
    """The score matrices of one part, a tile of windows at a time.

    A tile is a rectangle of images and windows; its m = images x windows x
    heads matrices ("maps") lie in one buffer that all tiles share.

    Args:
        qkv: (B, nW, n, 3, h, d).
        rows, index, allow: see ``biased_attention``.
    """

    def __init__(
        self, qkv: Tensor, rows: Tensor, index: Tensor, allow: Tensor | None
    ) -> None:
        self.qkv, self.rows, self.index = qkv, rows, index
        self.heads = qkv.size(4)
        self.exact = _exact(qkv.dtype)
        self.scale = qkv.size(-1) ** -0.5
        self.forbidden = None if allow is None else ~allow
        # The same in all windows: looked up, and summed over, once.
        self.bias: Tensor | None = None
        self._sum = torch.zeros_like(rows, dtype=_exact(rows.dtype))
        if index.dim() == 2:
            self.bias = biases(rows, index).to(self.exact).contiguous()
            self._sum = torch.zeros_like(self.bias)
        self._buffers = qkv.new_empty(2, 0, dtype=self.exact)

    def __iter__(self) -> Iterator[_Tile]:
        """Images and windows of each tile."""
        images, windows, tokens = self.qkv.shape[:3]
        budget = _ON_GPU if self.qkv.is_cuda else _CACHED
        number = max(budget // (self.heads * tokens**2), 1)
        many, few = max(number // windows, 1), min(number, windows)
        for image in range(0, images, many):
            for window in range(0, windows, few):
                yield slice(image, image + many), slice(window, window + few)

    def weights(self, at: _Tile) -> tuple[Tensor, Tensor]:
        """Attention weights (m, n, n), and a buffer of the same shape."""
        query, key, _ = self._heads(at)
        scores, weights = self._maps(*query.shape[:2])
        self._product(query, key, scores)
        images, windows, *_ = self.qkv[at].shape
        by_window = scores.view(images, windows, self.heads, *scores.shape[1:])
        torch.add(self._bias(at), by_window, alpha=self.scale, out=by_window)
        if self.forbidden is not None:
            # One mask may serve all images.
            here = at if self.forbidden.size(0) > 1 else (slice(1), at[1])
            by_window.masked_fill_(
                self.forbidden[here][:, :, None], -torch.inf
            )
        return torch.softmax(scores, -1, out=weights), scores

    def mix(self, weights: Tensor, at: _Tile) -> Tensor:
        """The values by their weights, (m, n, d)."""
        value = self._heads(at)[2]
        return torch.bmm(weights.to(value.dtype), value)

    def gradients(
        self, grad: Tensor, out: Tensor, at: _Tile
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of queries, keys and values, (m, n, d) each.

        The biases' gradient is added to what ``add_bias_gradient`` adds.

        Args:
            grad: (m, n, d), of the output.
            out: (m, n, d), the output.
            at: the tile.
        """
        query, key, value = self._heads(at)
        weights, scores = self.weights(at)
        grad_value = torch.bmm(weights.to(grad.dtype).transpose(1, 2), grad)
        self._product(grad, value, scores)
        # What all weights of a query have in common.
        common = (grad * out).sum(-1, keepdim=True, dtype=self.exact)
        scores.sub_(common).mul_(weights)
        self._sum_bias_gradient(scores, at)
        scores = scores.to(grad.dtype)
        grad_query = torch.bmm(scores, key).mul_(self.scale)
        grad_key = torch.bmm(scores.transpose(1, 2), query).mul_(self.scale)
        return grad_query, grad_key, grad_value

    def maps(self, x: Tensor) -> Tensor:
        """(images, windows, n, h, d) -> (m, n, d)."""
        return x.transpose(2, 3).flatten(0, 2)

    def put(self, target: Tensor, maps: Tensor) -> None:
        """Writes (m, n, d) to (images, windows, n, h, d)."""
        shape = (*target.shape[:2], self.heads, *maps.shape[1:])
        target.copy_(maps.view(shape).transpose(2, 3))

    def add_bias_gradient(self, grad_rows: Tensor) -> None:
        """Adds the gradient that all tiles have summed to (offsets, h)."""
        if self.bias is None:
            grad_rows.add_(self._sum)
        else:
            _add_rows(grad_rows, self.index, self._sum)

    def _sum_bias_gradient(self, scores: Tensor, at: _Tile) -> None:
        maps = scores.unflatten(0, (-1, self.heads))
        if self.bias is None:
            _add_rows(self._sum, self.index[at].flatten(0, 1), maps)
        else:
            self._sum += maps[0] if len(maps) == 1 else maps.sum(0)

    def _product(self, left: Tensor, right: Tensor, out: Tensor) -> None:
        """Inner products of all rows (m, n, d), into (m, n, n)."""
        if left.dtype == out.dtype:
            torch.bmm(left, right.transpose(1, 2), out=out)
        else:
            out.copy_(torch.bmm(left, right.transpose(1, 2)))

    def _heads(self, at: _Tile) -> list[Tensor]:
        """Queries, keys and values of a tile, (m, n, d)."""
        return [self.maps(x) for x in self.qkv[at].unbind(3)]

    def _maps(self, maps: int, tokens: int) -> Tensor:
        """Two buffers, (2, maps, tokens, tokens)."""
        size = maps * tokens**2
        if self._buffers.size(1) < size:
            self._buffers = self._buffers.new_empty(2, size)
        return self._buffers[:, :size].view(2, maps, tokens, tokens)

    def _bias(self, at: _Tile) -> Tensor:
        """(h, n, n), or (images, windows, h, n, n)."""
        if self.bias is not None:
            return self.bias
        return biases(self.rows, self.index[at]).to(self.exact)


def _exact(dtype: torch.dtype) -> torch.dtype:
    """What scores and sums are computed in."""
    return torch.promote_types(dtype, torch.float32)


def _add_rows(rows: Tensor, index: Tensor, maps: Tensor) -> None:
    """The transpose of ``biases``: (..., h, n, n) added to (offsets, h)."""
    index = index.flatten()
    by_head = maps.movedim(-3, 0).flatten(1).to(rows.dtype)
    sums = rows.new_zeros(rows.shape[::-1])
    # A CPU adds numbers in a loop, but short rows by a call for each.
    for total, values in zip(sums, by_head, strict=True):
        total.index_add_(0, index, values)
    rows += sums.t()
