"""Relative position biases of window attention."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixmae.models.layers.custom_backward import replaceable


def gather_bias(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (offsets, h) at an index (..., N, N): (..., h, N, N)."""
    bias = rows.index_select(0, index.flatten())
    return bias.view(*index.shape, -1).movedim(-1, -3)


class OffsetBias(nn.Module, ABC):
    """One bias per head and offset between two tokens of a window.

    Subclasses implement ``rows``.

    Args:
        window: side of the full window.
    """

    index: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.register_buffer('index', offset_index(window), persistent=False)

    def forward(self, positions: object = None) -> Tensor:
        """The biases among some tokens.

        Args:
            positions: long (N,), of the tokens in the raster of the full
                window; None = all of them, in order. Of a
                ``LogCoordinateBias`` also the pairs of gathered tokens.

        Returns:
            (heads, N, N), or (B, nW, heads, N, N) of pairs.
        """
        rows, index = self.rows_and_index(positions)
        if isinstance(positions, Tensor):
            index = index[positions][:, positions]
        return gather_bias(rows, index)

    def rows_and_index(self, positions: object) -> tuple[Tensor, Tensor]:
        """The operands of ``forward``'s gather, for backends that fuse it.

        Args:
            positions: see ``Layout``.

        Returns:
            Biases (offsets, heads), and the row of each pair: of places in
            the full window, (M, M), or, if positions are the pairs of
            gathered tokens, (B, nW, N, N).
        """
        return self.rows(), self.index

    @abstractmethod
    def rows(self) -> Tensor:
        """The biases of all offsets, ((2 window - 1)^2, heads)."""


@replaceable
class RelativePositionBias(OffsetBias):
    """A learned table of biases.

    Swin, 2103.14030 section 3.2. A table of another window size is resized
    when it is loaded.

    Args:
        window: side of the full window.
        num_heads: number of heads.
        resize: how; see ``resize_table``.

    Raises:
        ValueError: an unknown ``resize``.
    """

    def __init__(
        self, window: int, num_heads: int, resize: str = 'bicubic'
    ) -> None:
        super().__init__(window)
        check_method(resize)
        self.resize = resize
        offsets = (2 * window - 1) ** 2
        self.table = nn.Parameter(torch.zeros(offsets, num_heads))
        self.register_load_state_dict_pre_hook(_resize_loaded_table)
        nn.init.trunc_normal_(self.table, std=0.02)

    def rows(self) -> Tensor:
        """The table."""
        return self.table


def offset_index(window: int) -> Tensor:
    """Row of the table for each pair of tokens, long (N, N)."""
    place = torch.arange(window)
    offset = place[:, None] - place + window - 1
    rows, columns = offset[:, None, :, None], offset[None, :, None, :]
    return (rows * (2 * window - 1) + columns).reshape(window**2, window**2)


def _resize_loaded_table(
    module: nn.Module, state_dict: dict, prefix: str, *_: object
) -> None:
    assert isinstance(module, RelativePositionBias)
    table = state_dict.get(prefix + 'table')
    if table is None or table.size(0) == module.table.size(0):
        return
    state_dict[prefix + 'table'] = resize_table(
        table, module.window, module.resize
    )


_METHODS = ('bicubic', 'geometric')
# Old offsets are no nearer to each other, in tokens of the new window.
_NEAREST = 1e-6


def check_method(method: str) -> None:
    """Raises ``ValueError`` for an unknown way of resizing."""
    if method not in _METHODS:
        raise ValueError(
            f'bias_resize must be one of {", ".join(_METHODS)}, got {method}'
        )


def resize_table(
    table: Tensor, window: int, method: str = 'bicubic'
) -> Tensor:
    """Resizes a bias table to another window.

    Args:
        table: ((2v - 1)^2, heads) of a window of side v.
        window: the side that is wanted.
        method: 'bicubic' interpolates the table as an image, as MixMIM does
            (util/pos_embed.py:80-165). 'geometric' keeps the biases of near
            offsets and spreads the far ones, as SimMIM does
            (utils.py:126-187): old offsets are placed at 1, 1 + q, 1 + q +
            q^2, ... such that the last meets the new window's last, and a
            cubic spline runs through them. Far offsets that would all but
            coincide are left out: windows of 1 and 2 get the nearest ones.

    Returns:
        ((2 window - 1)^2, heads).

    Raises:
        ValueError: the rows are no square of an odd number, or the method
            is unknown.
    """
    check_method(method)
    old, new = table_side(table), 2 * window - 1
    if old == new:
        return table
    grid = table.T.reshape(1, -1, old, old)
    if method == 'bicubic':
        grid = F.interpolate(grid, (new, new), mode='bicubic')
    else:
        weights = _geometric_weights((old + 1) // 2, window).to(table)
        grid = weights @ grid @ weights.T
    return grid.flatten(2)[0].T.contiguous()


def table_side(table: Tensor) -> int:
    """Offsets along one axis of a window, 2 window - 1."""
    side = round(table.size(0) ** 0.5)
    if side**2 != table.size(0) or side % 2 == 0:
        raise ValueError(
            f'a bias table has the square of an odd number of rows, (2 '
            f'window - 1)^2, got {table.size(0)}'
        )
    return side


def _geometric_weights(old: int, new: int) -> Tensor:
    """Weight of each old offset in each new one, (2 new - 1, 2 old - 1)."""
    if old == 1:
        return torch.ones(2 * new - 1, 1)
    low, high = 0.0, float(new)
    for _ in range(100):
        ratio = (low + high) / 2
        reach = sum(ratio**k for k in range(old - 1))
        low, high = (ratio, high) if reach < new - 1 else (low, ratio)
    steps = ratio ** torch.arange(old - 1, dtype=torch.float64)
    # No spline runs through two values at one place.
    apart = steps >= _NEAREST
    far = steps[apart].cumsum(0)
    far_out = len(steps) - len(far)
    places = torch.cat([-far.flip(0), far.new_zeros(1), far])
    wanted = torch.arange(1 - new, new, dtype=torch.float64)
    known = _spline_weights(places, wanted.clamp(places[0], places[-1]))
    return F.pad(known, (far_out, far_out))


def _spline_weights(places: Tensor, wanted: Tensor) -> Tensor:
    """The cubic spline through values at ``places``, read at ``wanted``.

    Interpolation is linear in the values, so it is a matrix: B-splines at
    the wanted places times the inverse of those at the given ones. The
    second and the last but one place are no knots, which makes the spline
    unique; three places alone get a parabola.
    """
    degree = min(3, len(places) - 1)
    ends = degree + 1
    first, last = places[:1].expand(ends), places[-1:].expand(ends)
    knots = torch.cat([first, places[2:-2], last])
    at_places = _b_splines(knots, places, degree)
    at_wanted = _b_splines(knots, wanted, degree)
    return torch.linalg.solve(at_places, at_wanted, left=False)


def _b_splines(knots: Tensor, x: Tensor, degree: int) -> Tensor:
    """Evaluate all B-splines of a degree at x, (len(x), splines); de Boor."""
    spans = len(knots) - 1
    # The last span that is not empty holds its right end too.
    last = spans - 1 - degree
    span = torch.searchsorted(knots, x, right=True) - 1
    splines = F.one_hot(span.clamp(max=last), spans).to(x)
    for order in range(1, degree + 1):
        width = knots[order:] - knots[:-order]
        empty = width == 0
        share = (x[:, None] - knots[:-order]) / width.masked_fill(empty, 1)
        rising = share.masked_fill(empty, 0)
        falling = (1 - share).masked_fill(empty, 0)
        splines = (
            rising[:, :-1] * splines[:, :-1] + falling[:, 1:] * splines[:, 1:]
        )
    return splines
