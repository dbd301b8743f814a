"""Identification of the positions that a checkpoint was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mixmae.models.layers.absolute_positions import SinCosPositions

# Tables were computed in float32, or saved in float16; wrong ones differ by 2.
_TOLERANCE = 1e-3


class PositionTable(NamedTuple):
    """Properties of an identified position table.

    Attributes:
        side: Side in tokens of the grid of the original sine-cosine table,
            before it was resized to the present grid.
        present: False if the table is all zero.
        swapped: Whether x and y are in the opposite order to ours.
        deviation: Largest difference from our own table.
    """

    side: int
    present: bool
    swapped: bool
    deviation: float

    @property
    def near(self) -> str:
        """How close it is to our own table, for a report; '' if equal."""
        if not self.deviation:
            return ''
        return f', equal to ours within {self.deviation:.1g}'


def identify_positions(
    table: Tensor, others: Sequence[int] = ()
) -> PositionTable:
    """Identify a frozen position table.

    Args:
        table: (1, L, C) of a square grid.
        others: Sides of grids from which it may have been resized.

    Raises:
        ValueError: It is none of the tables that mixmae can compute.
    """
    count, dims = table.shape[-2:]
    side = round(count**0.5)
    if side**2 != count:
        raise ValueError(
            f'{count} positions do not form a square grid; only networks for '
            'square images can be converted'
        )
    given = table.view(side, side, dims).float()
    if not given.any():
        return PositionTable(side, False, False, 0.0)
    halves = {False: given, True: given.roll(dims // 2, -1)}
    nearest = torch.inf
    for base in dict.fromkeys((side, *others)):
        ours = SinCosPositions(base, base, dims).at((side, side))
        for swapped, candidate in halves.items():
            deviation = float((candidate - ours).abs().max())
            nearest = min(nearest, deviation)
            if deviation <= _TOLERANCE:
                return PositionTable(base, True, swapped, deviation)
    raise ValueError(
        'its positions are not a fixed sine-cosine table: the nearest one '
        f'differs by {nearest:.2g}. MIMSwin does not support learned positions'
    )
