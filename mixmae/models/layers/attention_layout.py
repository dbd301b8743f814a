"""Attention layouts: windows or sorted tokens, with images kept apart.

A token attends to the tokens of its segment. The segments of a window follow
from three causes at once: the group of a token (which image it is of), the
region that a shift moved it from, and padding. ``Windows`` masks all other
pairs. ``SortedTokens``, for grids inside one window, as in the last two stages
of Swin-B at 224 pixels, needs no mask.

``stage_layouts`` chooses the layouts of a stage; its blocks call ``attend`` of
``attention_backends`` with them.

Axes: B images, H and W the token grid, nW windows, N tokens of a window,
C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mixmae.models.layers.log_coordinate_bias import TokenPairs
from mixmae.structures import AttentionGroups, GroupOrder

_Derived = TypeVar('_Derived')


class Layout(ABC):
    """Tokens of a grid in windows, and which of them attend to each other.

    A stage partitions its tokens once, calls its blocks with the tokens and
    the layout, and reverses the partition at its end.

    Args:
        positions: where the tokens of a window stand, for a position bias:
            long (N,), in the raster of the full, unclamped window; None =
            all of it, in order; or the pairs of gathered tokens.
        segments: a token attends to the tokens of its window that are in the
            same segment; see ``attend``. None = the whole window is one
            segment; int32 (1 or B, nW, N) = segment ids; a tuple = lengths
            of segments of consecutive tokens, the same in all windows and
            images.
        padding: bool (1, nW, N, 1), True where a token is padding that other
            tokens attend to; None = no such padding.

    Attributes:
        attention_mask: bool (1 or B, nW, N, N), True where the row's token
            attends to the column's; None, unless there are segment ids.
    """

    def __init__(
        self,
        positions: Tensor | TokenPairs | None,
        segments: Tensor | tuple[int, ...] | None = None,
        padding: Tensor | None = None,
    ) -> None:
        self.positions = positions
        self.segments = segments
        self.padding = padding
        self.attention_mask: Tensor | None = None
        if isinstance(segments, Tensor):
            self.attention_mask = segments[..., None] == segments[:, :, None]
        self._derived: dict[Callable, object] = {}

    @abstractmethod
    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, nW, N, C)."""

    @abstractmethod
    def reverse(self, x: Tensor) -> Tensor:
        """(B, nW, N, C) -> (B, H, W, C)."""

    def once(self, derive: Callable[[Layout], _Derived]) -> _Derived:
        """``derive(self)``, computed once for all blocks of a stage."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        derived: _Derived = self._derived[derive]  # type: ignore[assignment]
        return derived


def clamped_positions(
    height: int, width: int, window: int, device: torch.device | None
) -> Tensor | None:
    """Raster indices, in a full window, of the clamped one at its corner.

    Offsets between tokens do not change by clamping, so this picks the
    centre of the bias table.
    """
    if (height, width) == (window, window):
        return None
    rows = torch.arange(height, device=device)
    columns = torch.arange(width, device=device)
    return (rows[:, None] * window + columns).flatten()


def cut(x: Tensor, window: tuple[int, int]) -> Tensor:
    """(B, H, W, C) -> (B, nW, N, C), where the window divides the grid."""
    x = x.unflatten(2, (-1, window[1])).unflatten(1, (-1, window[0]))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def join(x: Tensor, window: tuple[int, int], columns: int) -> Tensor:
    """The reverse of ``cut``; ``columns`` windows stand side by side."""
    x = x.unflatten(2, window).unflatten(1, (-1, columns))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


class Windows(Layout):
    """A grid cut into windows, padded at the bottom and right if necessary.

    It has segment ids if there are groups, padding or a shift.

    Args:
        grid: (H, W) of the tokens.
        window: side of a window; clamped to the grid, each axis for itself
            (MixMIM models_mixmim.py:105-107).
        shift: how far the grid is rolled up and left before it is cut. Tokens
            from opposite borders are different segments. An axis covered by
            one window is not shifted.
        groups: different groups are different segments.
        mask_padding: padding is a segment of its own; False = tokens attend
            to padding as to tokens of the image, as in mmdet's Swin.
        device: of the tokens.
        coords: (B, H, W, 2), of gathered tokens; see ``TokenPairs``.
        cell: side in tokens of the cells that were gathered.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        window: int,
        shift: int = 0,
        groups: AttentionGroups | None = None,
        mask_padding: bool = True,
        device: torch.device | None = None,
        coords: Tensor | None = None,
        cell: float = 1.0,
    ) -> None:
        height, width = grid
        self.grid = grid
        self.window = (min(window, height), min(window, width))
        self._pad = (-height % self.window[0], -width % self.window[1])
        self.shift = (
            shift if height > window else 0,
            shift if width > window else 0,
        )
        positions: Tensor | TokenPairs | None = clamped_positions(
            *self.window, window, device
        )
        if coords is not None:
            places = self.partition(coords)
            positions = TokenPairs.of(places, max(self.window), cell)
        # Padding that is attended to is zero after the norm, as mmdet's.
        padding: Tensor | None = None
        if any(self._pad) and not mask_padding:
            real = torch.ones(1, *grid, 1, dtype=torch.bool, device=device)
            padding = ~self.partition(real)
        ids = self._segment_ids(groups, mask_padding, device)
        super().__init__(positions, ids, padding)

    def partition(self, x: Tensor, fill: int = 0) -> Tensor:
        """(B, H, W, C) -> (B, nW, N, C), padded with ``fill``."""
        if any(self._pad):
            pad = (0, 0, 0, self._pad[1], 0, self._pad[0])
            x = F.pad(x, pad, value=fill)
        if any(self.shift):
            x = x.roll((-self.shift[0], -self.shift[1]), dims=(1, 2))
        return cut(x, self.window)

    def reverse(self, x: Tensor) -> Tensor:
        """(B, nW, N, C) -> (B, H, W, C), padding cropped."""
        height, width = self.grid
        columns = (width + self._pad[1]) // self.window[1]
        x = join(x, self.window, columns)
        if any(self.shift):
            x = x.roll(self.shift, dims=(1, 2))
        return x[:, :height, :width]

    def _segment_ids(
        self,
        groups: AttentionGroups | None,
        mask_padding: bool,
        device: torch.device | None,
    ) -> Tensor | None:
        """int32 (1 or B, nW, N), 0 = padding; None: windows are whole."""
        padded = mask_padding and any(self._pad)
        if groups is None and not padded and not any(self.shift):
            return None
        ids = torch.ones(1, *self.grid, dtype=torch.int32, device=device)
        if groups is not None:
            ids = ids + groups.labels(*self.grid)
        # Padding attends to itself, so that no row of the softmax is empty.
        ids = self.partition(ids[..., None], fill=0 if mask_padding else 1)
        if any(self.shift):
            # Padding is 0 and groups are 1 and 2, so regions are 3 apart.
            ids = ids + 3 * cut(self._regions(device), self.window)
        return ids[..., 0]

    def _regions(self, device: torch.device | None) -> Tensor:
        """Ids of the up to 3x3 regions that rolling made neighbours.

        Returns:
            int32 (1, H, W, 1), of the padded, rolled grid.
        """
        regions = []
        for side, pad, window, shift in zip(
            self.grid, self._pad, self.window, self.shift, strict=True
        ):
            place = torch.arange(side + pad, device=device)
            last, wrapped = side + pad - window, side + pad - shift
            region = (place >= last).int() + (place >= wrapped).int()
            regions.append(region if shift else torch.zeros_like(region))
        rows, columns = regions
        return (3 * rows[:, None] + columns)[None, ..., None]


class SortedTokens(Layout):
    """A grid inside one window, its tokens sorted by group.

    Each group is one run of tokens, a segment. Attention is dense within
    each: no mask, half the scores.

    Args:
        grid: (H, W) of the tokens, at most ``window`` on each side.
        window: side of the window.
        order: the tokens sorted by group.
    """

    def __init__(
        self, grid: tuple[int, int], window: int, order: GroupOrder
    ) -> None:
        self.grid = grid
        self._permutation = order.permutation
        self._inverse = order.inverse
        clamped = clamped_positions(*grid, window, order.permutation.device)
        super().__init__(
            order.permutation
            if clamped is None
            else clamped[order.permutation],
            order.sizes,
        )

    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, 1, N, C), sorted by group."""
        return x.flatten(1, 2).index_select(1, self._permutation)[:, None]

    def reverse(self, x: Tensor) -> Tensor:
        """(B, 1, N, C) -> (B, H, W, C), in raster order."""
        return x[:, 0].index_select(1, self._inverse).unflatten(1, self.grid)


def stage_layouts(
    x: Tensor,
    window: int,
    shifts: tuple[int, ...] = (0,),
    groups: AttentionGroups | None = None,
    *,
    sort_groups: bool = True,
    mask_padding: bool = True,
    coords: Tensor | None = None,
    cell: float = 1.0,
) -> list[Layout]:
    """Layouts that the blocks of a stage take in turn.

    One window that covers the grid is never shifted, and its tokens are
    sorted by group where there are groups.

    Args:
        x: (B, H, W, C) tokens.
        window: side of a window.
        shifts: see ``Windows``, one for each layout.
        groups: see ``AttentionGroups``.
        sort_groups: False masks scores instead of sorting tokens.
        mask_padding, coords, cell: see ``Windows``.
    """
    grid = (x.size(1), x.size(2))
    if max(grid) <= window:
        shifts = (0,)
        if sort_groups and groups and coords is None:
            order = groups.order(*grid)
            if order is not None:
                return [SortedTokens(grid, window, order)]
    return [
        Windows(
            grid, window, shift, groups, mask_padding, x.device, coords, cell
        )
        for shift in shifts
    ]
