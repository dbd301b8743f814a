"""The arrangement of a stage's tokens for attention.

Axes: B images, H and W the token grid, nW windows, N tokens of a window,
C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from mixmae.models.layers.log_coordinate_bias import TokenPairs

_Derived = TypeVar('_Derived')


class Layout:
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

    def partition(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, nW, N, C)."""
        raise NotImplementedError

    def reverse(self, x: Tensor) -> Tensor:
        """(B, nW, N, C) -> (B, H, W, C)."""
        raise NotImplementedError

    def once(self, derive: Callable[[Layout], _Derived]) -> _Derived:
        """``derive(self)``, computed once for all blocks of a stage."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        derived: _Derived = self._derived[derive]  # type: ignore[assignment]
        return derived
