"""Absolute positions of a backbone, built from its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixmae.models.layers.absolute_positions import SinCosPositions

if TYPE_CHECKING:
    from mixmae.models.layers.learned_positions import LearnedPositions


def check_positions(
    positions: str, position_resize: str, choices: Sequence[str]
) -> None:
    """Checks the arguments of a backbone that choose its positions.

    Raises:
        ValueError: an unknown choice, or a way to resize learned positions
            other than 'bicubic'.
    """
    if positions not in choices:
        raise ValueError(
            f'positions must be one of {tuple(choices)}, got {positions!r}'
        )
    if positions != 'sincos' and position_resize != 'bicubic':
        raise ValueError(
            f"position_resize {position_resize!r} needs positions='sincos': "
            f"learned positions can only be interpolated, 'bicubic'"
        )


def token_grid(
    img_size: int | Sequence[int], patch_size: int
) -> tuple[int, int]:
    """Rows and columns of patches, rounded up.

    Args:
        img_size: side, or (height, width), in pixels.
        patch_size: side of a patch in pixels.
    """
    size = (img_size,) * 2 if isinstance(img_size, int) else img_size
    rows, columns = (-(-side // patch_size) for side in size)
    return rows, columns


def build_positions(
    positions: str, grid: tuple[int, int], embed_dims: int, resize: str
) -> SinCosPositions | LearnedPositions:
    """The positions of the first stage.

    Args:
        positions: 'sincos' (frozen), 'learned' (starts from sines and
            cosines) or 'per_stage' (learned from a random start).
        grid: rows and columns of tokens.
        embed_dims: channels of a token.
        resize: how frozen positions are interpolated; see
            ``SinCosPositions``.
    """
    if positions == 'sincos':
        return SinCosPositions(*grid, embed_dims, resize)
    # MixMAE and SimMIM need none.
    from mixmae.models.layers.learned_positions import LearnedPositions

    start = 'sincos' if positions == 'learned' else 'random'
    return LearnedPositions(*grid, embed_dims, start)
