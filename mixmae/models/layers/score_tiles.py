"""Scores, mask and softmax of attention, a tile of windows at a time.

Axes: B images, nW windows, n tokens of a segment, h heads, d channels of a
head.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mixmae.models.layers.position_bias import gather_bias

# Numbers of the score matrices that are worked on at once. On a CPU larger
# tiles leave the caches, and smaller ones spend their time on calls (LOG.md,
# 2026-11-30).
_ON_CPU = 1 << 20
_ON_GPU = 1 << 26
_Tile = tuple[slice, slice]


class ScoreTiles:
    """The score matrices of one segment, a tile of windows at a time.

    A tile is a rectangle of images and windows; its m = images x windows x
    heads matrices ("maps") lie in one buffer that all tiles share.

    Args:
        qkv: (B, nW, n, 3, h, d).
        rows, index, mask: see ``tiled_attention``.
    """

    def __init__(
        self,
        qkv: Tensor,
        rows: Tensor | None,
        index: Tensor | None,
        mask: Tensor | None,
    ) -> None:
        self.qkv, self.rows, self.index = qkv, rows, index
        self.heads = qkv.size(4)
        self.exact = accumulation_dtype(qkv.dtype)
        self.scale = qkv.size(-1) ** -0.5
        self.masked = None if mask is None else ~mask
        # The same in all windows: looked up, and summed over, once.
        self.bias: Tensor | None = None
        if rows is not None and index is not None:
            self._sum = torch.zeros_like(
                rows, dtype=accumulation_dtype(rows.dtype)
            )
            if index.dim() == 2:
                bias = gather_bias(rows, index)
                self.bias = bias.to(self.exact).contiguous()
                self._sum = torch.zeros_like(self.bias)
        self._buffers = qkv.new_empty(2, 0, dtype=self.exact)

    def __iter__(self) -> Iterator[_Tile]:
        """Images and windows of each tile."""
        images, windows, tokens = self.qkv.shape[:3]
        budget = _ON_GPU if self.qkv.is_cuda else _ON_CPU
        number = max(budget // (self.heads * tokens**2), 1)
        many, few = max(number // windows, 1), min(number, windows)
        for image in range(0, images, many):
            for window in range(0, windows, few):
                yield slice(image, image + many), slice(window, window + few)

    def mix(self, at: _Tile) -> Tensor:
        """The output: values by their attention weights, (m, n, d)."""
        query, key, value = self._heads(at)
        weights, _ = self._weights(query, key, at)
        return torch.bmm(weights.to(value.dtype), value)

    def gradients(
        self, grad: Tensor, out: Tensor, at: _Tile
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return gradients of queries, keys and values, (m, n, d) each.

        Also sums the biases' gradient, for ``add_bias_gradient``.

        Args:
            grad: (m, n, d), of the output.
            out: (m, n, d), the output.
            at: the tile.
        """
        query, key, value = self._heads(at)
        weights, scores = self._weights(query, key, at)
        grad_value = torch.bmm(weights.to(grad.dtype).transpose(1, 2), grad)
        self._product(grad, value, scores)
        # The softmax: each row of gradients loses its weighted mean.
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
        assert self.index is not None
        if self.bias is None:
            grad_rows.add_(self._sum)
        else:
            _add_rows(grad_rows, self.index, self._sum)

    def _heads(self, at: _Tile) -> list[Tensor]:
        """Queries, keys and values of a tile, (m, n, d)."""
        return [self.maps(x) for x in self.qkv[at].unbind(3)]

    def _weights(
        self, query: Tensor, key: Tensor, at: _Tile
    ) -> tuple[Tensor, Tensor]:
        """Attention weights (m, n, n), and a buffer of the same shape."""
        scores, weights = self._maps(*query.shape[:2])
        self._product(query, key, scores)
        images, windows, *_ = self.qkv[at].shape
        by_window = scores.view(images, windows, self.heads, *scores.shape[1:])
        bias = self._bias(at)
        if bias is None:
            by_window.mul_(self.scale)
        else:
            torch.add(bias, by_window, alpha=self.scale, out=by_window)
        if self.masked is not None:
            # One mask may serve all images.
            here = at if self.masked.size(0) > 1 else (slice(1), at[1])
            by_window.masked_fill_(self.masked[here][:, :, None], -torch.inf)
        return torch.softmax(scores, -1, out=weights), scores

    def _sum_bias_gradient(self, scores: Tensor, at: _Tile) -> None:
        if self.index is None:
            return
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

    def _maps(self, maps: int, tokens: int) -> Tensor:
        """Two buffers, (2, maps, tokens, tokens)."""
        size = maps * tokens**2
        if self._buffers.size(1) < size:
            self._buffers = self._buffers.new_empty(2, size)
        return self._buffers[:, :size].view(2, maps, tokens, tokens)

    def _bias(self, at: _Tile) -> Tensor | None:
        """(h, n, n), or (images, windows, h, n, n); None without biases."""
        if self.bias is not None or self.rows is None or self.index is None:
            return self.bias
        return gather_bias(self.rows, self.index[at]).to(self.exact)


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Type of scores and sums."""
    return torch.promote_types(dtype, torch.float32)


def _add_rows(rows: Tensor, index: Tensor, maps: Tensor) -> None:
    """Transpose of ``gather_bias``: adds (..., h, n, n) to (offsets, h)."""
    index = index.flatten()
    by_head = maps.movedim(-3, 0).flatten(1).to(rows.dtype)
    sums = rows.new_zeros(rows.shape[::-1])
    # A CPU adds numbers in a loop, but short rows by a call for each.
    for total, values in zip(sums, by_head, strict=True):
        total.index_add_(0, index, values)
    rows += sums.t()
