"""Position biases from an MLP over the offsets between coordinates.

Axes: B images, nW windows, N tokens of a window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mixmae.models.layers.custom_backward import replaceable
from mixmae.models.layers.position_bias import OffsetBias


class TokenPairs(NamedTuple):
    """Offsets between the tokens of windows, as rows of a table.

    Tokens gathered from a grid have few different offsets, so what depends
    on an offset is computed once for each and looked up by pair.

    Attributes:
        row: int32 (B, nW, N, N), of each pair, query before key.
        reach: the table has offsets of up to so many steps, either way.
        step: the difference between two neighbouring offsets, in tokens.
    """

    row: Tensor
    reach: int
    step: float

    @classmethod
    def of(cls, coords: Tensor, window: int, cell: float) -> TokenPairs:
        """The pairs within windows of gathered tokens.

        Args:
            coords: (B, nW, N, 2), (y, x) in tokens of the full grid. One cell
                of each 2x2 was gathered.
            window: side of a window in tokens.
            cell: side of a cell in tokens; less than 1 if a token unites
                several cells and has the coordinates of one of them.
        """
        step = min(cell, 1.0)
        # Tokens w - 1 apart lie about 2 (w - 1) apart in the full grid. How
        # far exactly depends on the token within its cell and on the cell
        # within its 2x2.
        furthest = 2 * (window - 1) + cell + max(cell - 1, 0)
        reach = round(furthest / step)
        side = 2 * reach + 1
        place = (coords / step).round().int()
        place = place[..., 0] * side + place[..., 1]
        offset = place[..., None, :] - place[..., :, None]
        # A cyclic shift puts tokens that lie further apart into one window.
        # They are masked, so their row does not matter.
        row = (offset + side * reach + reach).clamp(0, side**2 - 1)
        return cls(row, reach, step)

    def offsets(self) -> Tensor:
        """Offsets in the table's order, (rows, 2)."""
        steps = torch.arange(
            -self.reach, self.reach + 1, device=self.row.device
        )
        return _pairs(steps) * self.step


@replaceable
class LogCoordinateBias(OffsetBias):
    """An MLP that gives each offset its bias, for any coordinates.

    It sees sign(d) log(1 + |d|) of both offsets (UM-MAE
    models_mae_swin.py:60-116). Nothing in it depends on the window, so its
    weights fit any, and tokens gathered from a grid keep their true offsets.

    Args:
        window: side of the full window.
        num_heads: number of heads.
        hidden_dims: hidden channels of the MLP.

    Raises:
        ValueError: ``hidden_dims`` is not positive.
    """

    def __init__(
        self, window: int, num_heads: int, hidden_dims: int = 32
    ) -> None:
        super().__init__(window)
        if hidden_dims < 1:
            raise ValueError(
                f'bias_dims must be at least 1, got {hidden_dims}'
            )
        self.fc1 = nn.Linear(2, hidden_dims)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(hidden_dims, num_heads)

    def rows_and_index(self, positions: object) -> tuple[Tensor, Tensor]:
        """As ``OffsetBias``; ``TokenPairs`` have their own offsets."""
        if isinstance(positions, TokenPairs):
            return self.at(positions.offsets()), positions.row
        return super().rows_and_index(positions)

    def rows(self) -> Tensor:
        """The biases of a dense window's offsets, (offsets, heads)."""
        reach = self.window - 1
        steps = torch.arange(-reach, reach + 1, device=self.index.device)
        # The index counts query minus key.
        return self.at(_pairs(-steps))

    def at(self, offsets: Tensor) -> Tensor:
        """The biases of offsets (..., 2), in tokens: (..., heads)."""
        # A module that replaces fc1 may have no weight.
        floats = (x for x in self.parameters() if x.is_floating_point())
        offsets = offsets.to(next(floats, offsets.float()).dtype)
        scaled = offsets.sign() * offsets.abs().log1p()
        return self.fc2(self.act(self.fc1(scaled)))


def _pairs(steps: Tensor) -> Tensor:
    """Return all (y, x) of some numbers, in raster order, (n^2, 2)."""
    return torch.cartesian_prod(steps, steps)
