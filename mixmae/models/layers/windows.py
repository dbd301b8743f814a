"""The two ways in which a stage lays out its tokens for attention.

Axes: B images, H and W the token grid, nW windows, N tokens of a window,
C channels. A layout partitions tokens (B, H, W, C) into (B, nW, N, C) once
per stage, says which tokens of a window may meet, and reverses itself.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from mixmae.models.layers.biased_attention import Part
from mixmae.models.layers.log_coordinate_bias import TokenPairs
from mixmae.structures import AttentionGroups, GroupOrder

# Tokens of a window from which on its groups are worth a loop over them, and
# the share of all scores that such a loop may still compute.
_MANY = 128
_MOST = 0.75


class Layout(Protocol):
    """What window attention asks of a layout.

    Attributes:
        positions: long (N,), where the tokens of a window stand in the
            raster of the full, unclamped window; None = all, in order.
        allow: bool (1 or B, nW, N, N), True where two tokens may meet; None
            = everywhere within a part.
        parts: lengths into which N is cut; attention stays within a part.
        split: what ``allow`` says as parts of single windows, which spare the
            scores of tokens that do not meet; None = not known.
        real: bool (1, nW, N, 1), False where a token is padding that is
            attended to; None = there is none.
        pairs: the offsets between tokens that were gathered from a larger
            grid; None = they stand as their positions say.
    """

    @property
    def positions(self) -> Tensor | None: ...

    @property
    def allow(self) -> Tensor | None: ...

    @property
    def parts(self) -> tuple[int, ...]: ...

    @property
    def split(self) -> tuple[Part, ...] | None: ...

    @property
    def real(self) -> Tensor | None: ...

    @property
    def pairs(self) -> TokenPairs | None: ...

    def partition(self, x: Tensor) -> Tensor: ...

    def reverse(self, x: Tensor) -> Tensor: ...


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


class Windows:
    """A grid cut into windows, padded at its bottom and right if need be.

    Args:
        grid: (H, W) of the tokens.
        window: side of a window; clamped to the grid, each axis for itself
            (MixMIM models_mixmim.py:105-107).
        shift: how far the grid is rolled up and left before it is cut; tokens
            that were no neighbours do not meet. An axis covered by one
            window is not shifted.
        groups: tokens of different groups do not meet.
        mask_padding: padding is seen by nobody; False treats it as tokens of
            the image, as mmdet's Swin does.
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
        self.padding = (-height % self.window[0], -width % self.window[1])
        self.shift = (
            shift if height > window else 0,
            shift if width > window else 0,
        )
        self.positions = clamped_positions(*self.window, window, device)
        self.parts = (self.window[0] * self.window[1],)
        labels = self._labels(groups, mask_padding, device)
        # Padding meets itself, so that no row of the softmax is empty.
        self.allow: Tensor | None = None
        self.split: tuple[Part, ...] | None = None
        if labels is not None:
            self.allow = labels == labels.transpose(2, 3)
            self.split = self._split(labels) if coords is None else None
        # Padding that is attended to is zero behind the norm, as mmdet's.
        self.real: Tensor | None = None
        if any(self.padding) and not mask_padding:
            real = torch.ones(1, *grid, 1, dtype=torch.bool, device=device)
            self.real = self.partition(real)
        self.pairs: TokenPairs | None = None
        if coords is not None:
            places = self.partition(coords)
            self.pairs = TokenPairs.of(places, max(self.window), cell)

    def partition(self, x: Tensor, fill: int = 0) -> Tensor:
        """(B, H, W, C) -> (B, nW, N, C), padded with ``fill``."""
        if any(self.padding):
            pad = (0, 0, 0, self.padding[1], 0, self.padding[0])
            x = F.pad(x, pad, value=fill)
        if any(self.shift):
            x = x.roll((-self.shift[0], -self.shift[1]), dims=(1, 2))
        return cut(x, self.window)

    def reverse(self, x: Tensor) -> Tensor:
        """(B, nW, N, C) -> (B, H, W, C), padding cropped."""
        height, width = self.grid
        columns = (width + self.padding[1]) // self.window[1]
        x = join(x, self.window, columns)
        if any(self.shift):
            x = x.roll(self.shift, dims=(1, 2))
        return x[:, :height, :width]

    def _labels(
        self,
        groups: AttentionGroups | None,
        mask_padding: bool,
        device: torch.device | None,
    ) -> Tensor | None:
        """Tokens that bear one label may meet; None if all would.

        Returns:
            int32 (1 or B, nW, N, 1).
        """
        padded = mask_padding and any(self.padding)
        if groups is None and not padded and not any(self.shift):
            return None
        label = torch.ones(1, *self.grid, dtype=torch.int32, device=device)
        if groups is not None:
            label = label + groups.labels(*self.grid)
        label = self.partition(label[..., None], fill=0 if mask_padding else 1)
        if any(self.shift):
            label = label + 3 * cut(self._regions(device), self.window)
        return label

    def _split(self, labels: Tensor) -> tuple[Part, ...] | None:
        """Parts by label, where that is exact, cheap and worth the loop.

        Their sizes are a matter of the mask: a GPU would have to be waited
        for, a compiler or a fake tensor cannot know them.
        """
        if (
            len(labels) > 1
            or labels.size(2) < _MANY
            or labels.device.type != 'cpu'
            or type(labels) is not Tensor
            or torch.compiler.is_compiling()
        ):
            return None
        parts, scores = [], 0
        for i, window in enumerate(labels[0, :, :, 0]):
            order = window.argsort(stable=True)
            _, sizes = window[order].unique_consecutive(return_counts=True)
            for tokens in order.split(sizes.tolist()):
                here = self.positions
                positions = tokens if here is None else here[tokens]
                parts.append(Part(tokens, positions, slice(i, i + 1)))
                scores += len(tokens) ** 2
        if scores > _MOST * labels.size(1) * labels.size(2) ** 2:
            # Most windows of a large, shifted grid are whole.
            return None
        return tuple(parts)

    def _regions(self, device: torch.device | None) -> Tensor:
        """Numbers the up to 3x3 regions that rolling made neighbours.

        Returns:
            int32 (1, H, W, 1), of the padded, rolled grid.
        """
        regions = []
        for side, pad, window, shift in zip(
            self.grid, self.padding, self.window, self.shift, strict=True
        ):
            place = torch.arange(side + pad, device=device)
            last, wrapped = side + pad - window, side + pad - shift
            region = (place >= last).int() + (place >= wrapped).int()
            regions.append(region if shift else torch.zeros_like(region))
        rows, columns = regions
        return (3 * rows[:, None] + columns)[None, ..., None]


class SortedTokens:
    """A grid inside one window, its tokens sorted by group.

    Attention then is dense within each part: no mask, half the work.

    Args:
        grid: (H, W) of the tokens, at most ``window`` on each side.
        window: side of the window.
        order: the tokens sorted by group.
    """

    allow = None
    split = None
    real = None
    pairs = None

    def __init__(
        self, grid: tuple[int, int], window: int, order: GroupOrder
    ) -> None:
        self.grid = grid
        self.parts = order.sizes
        self._permutation = order.permutation
        self._inverse = order.inverse
        clamped = clamped_positions(*grid, window, order.permutation.device)
        self.positions: Tensor | None = (
            order.permutation
            if clamped is None
            else clamped[order.permutation]
        )

    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, 1, N, C), sorted by group."""
        return x.flatten(1, 2).index_select(1, self._permutation)[:, None]

    def reverse(self, x: Tensor) -> Tensor:
        """(B, 1, N, C) -> (B, H, W, C), in raster order."""
        return x[:, 0].index_select(1, self._inverse).unflatten(1, self.grid)
