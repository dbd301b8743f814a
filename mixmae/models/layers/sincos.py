"""Frozen two-dimensional sine-cosine positions."""

import torch
from torch import Tensor


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
