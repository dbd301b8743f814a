"""Absolute positions of a token grid: sines and cosines, or learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POSITIONS = ('sincos', 'learned', 'per_stage')


def grid_coords(
    height: int, width: int, device: torch.device | None = None
) -> Tensor:
    """Integer coordinates (y, x) of a grid, float64 (height, width, 2)."""
    axes = [
        torch.arange(size, dtype=torch.float64, device=device)
        for size in (height, width)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing='ij'), dim=-1)


def sincos_embedding(coords: Tensor, dims: int) -> Tensor:
    """Embeds coordinates by sines and cosines of geometric frequencies.

    The first half of the channels encodes x, the second y ("w goes first",
    MixMIM util/pos_embed.py:22-72); each is [sin | cos] with base 10000.

    Args:
        coords: (..., 2), (y, x) in tokens; any real numbers.
        dims: number of channels, a multiple of 4.

    Returns:
        float32 (..., dims), computed in float64.

    Raises:
        ValueError: ``dims`` is not a multiple of 4.
    """
    if dims % 4:
        raise ValueError(
            f'sine-cosine positions need a multiple of 4 dims, got {dims}'
        )
    quarter = dims // 4
    steps = torch.arange(quarter, dtype=torch.float64, device=coords.device)
    angles = coords.double().flip(-1)[..., None] / 10000 ** (steps / quarter)
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
    return waves.flatten(-2).float()


def interpolated(table: Tensor, rows: int, columns: int) -> Tensor:
    """Positions (h, w, C), interpolated bicubically for another grid."""
    if (rows, columns) == table.shape[:2]:
        return table
    grid = table.permute(2, 0, 1)[None]
    resized = F.interpolate(grid, (rows, columns), mode='bicubic')
    return resized[0].permute(1, 2, 0)


class SinCosPositions(nn.Module):
    """Frozen sine-cosine positions, added to tokens.

    Args:
        rows, columns: grid of tokens that the positions are made for.
        embed_dims: channels of a token, a multiple of 4.
        resize: method for another grid. 'bicubic' interpolates the table, as
            the official fine-tuning does: coordinates keep their range, so a
            token of a larger image is between two old ones. 'sincos' computes
            new ones: coordinates keep their unit, so the top left of a larger
            image has the positions of pretraining, and the rest has
            coordinates that pretraining did not have.

    Raises:
        ValueError: ``resize`` is neither.
    """

    table: Tensor

    def __init__(
        self, rows: int, columns: int, embed_dims: int, resize: str = 'bicubic'
    ) -> None:
        super().__init__()
        if resize not in ('bicubic', 'sincos'):
            raise ValueError(
                f"position_resize must be 'bicubic' or 'sincos', got {resize}"
            )
        self.resize = resize
        table = sincos_embedding(grid_coords(rows, columns), embed_dims)
        # Not saved, as it can be computed.
        self.register_buffer('table', table, persistent=False)

    def forward(self, tokens: Tensor, coords: Tensor | None = None) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C), positions added.

        Args:
            tokens: of a full grid, or gathered from one.
            coords: (B, h, w, 2), (y, x) of gathered tokens; None = full grid.
        """
        return tokens + self.at(tokens.shape[1:3], coords)

    def at(
        self, grid: torch.Size | tuple[int, int], coords: Tensor | None = None
    ) -> Tensor:
        """The positions of a full grid (h, w, C), or at given coordinates."""
        dims = self.table.size(-1)
        if coords is not None:
            return sincos_embedding(coords, dims)
        rows, columns = grid
        if self.resize == 'sincos' and tuple(grid) != self.table.shape[:2]:
            coords = grid_coords(rows, columns, self.table.device)
            return sincos_embedding(coords, dims)
        return interpolated(self.table, rows, columns)


class LearnedPositions(nn.Module):
    """One learned vector per place of a grid, added to tokens.

    For another grid the table is interpolated bicubically.

    Args:
        rows, columns: grid of tokens that the positions are made for.
        embed_dims: channels of a token.
        start: 'sincos', sines and cosines that learning may change, or
            'random', normal of standard deviation 0.02.
    """

    def __init__(
        self, rows: int, columns: int, embed_dims: int, start: str = 'random'
    ) -> None:
        super().__init__()
        if start == 'sincos':
            table = sincos_embedding(grid_coords(rows, columns), embed_dims)
        else:
            table = torch.empty(rows, columns, embed_dims)
            nn.init.trunc_normal_(table, std=0.02)
        self.table = nn.Parameter(table)

    def forward(self, tokens: Tensor, coords: Tensor | None = None) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C), positions added.

        Args:
            tokens: of a full grid.
            coords: must be None; backbones refuse tokens gathered from a
                larger grid.
        """
        assert coords is None
        return tokens + interpolated(self.table, *tokens.shape[1:3])


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
    positions: str,
    grid: tuple[int, int],
    embed_dims: int,
    resize: str,
    choices: Sequence[str] = POSITIONS,
) -> SinCosPositions | LearnedPositions:
    """Build the positions of the first stage from a backbone's arguments.

    Args:
        positions: 'sincos' (frozen), 'learned' (starts from sines and
            cosines) or 'per_stage' (learned from a random start).
        grid: rows and columns of tokens.
        embed_dims: channels of a token.
        resize: how frozen positions are interpolated; see
            ``SinCosPositions``.
        choices: values of ``positions`` that the backbone takes.

    Raises:
        ValueError: an unknown choice, or a way to resize learned positions
            other than 'bicubic'.
    """
    if positions not in choices:
        raise ValueError(
            f'positions must be one of {tuple(choices)}, got {positions!r}'
        )
    if positions == 'sincos':
        return SinCosPositions(*grid, embed_dims, resize)
    if resize != 'bicubic':
        raise ValueError(
            f"position_resize {resize!r} needs positions='sincos': learned "
            f"positions can only be interpolated, 'bicubic'"
        )
    start = 'sincos' if positions == 'learned' else 'random'
    return LearnedPositions(*grid, embed_dims, start)
