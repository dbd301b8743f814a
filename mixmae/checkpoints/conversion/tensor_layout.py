"""Tensors that other code bases lay out differently.

Bias tables, the four tokens of a merging, the channels of positions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.swin_settings import SwinSettings
from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.models.layers.absolute_positions import SinCosPositions


def centre_of_table(table: Tensor, window: int) -> Tensor:
    """Crop a bias table to that of a smaller window.

    If a grid is smaller than the window, mixmae indexes the centre of the
    table; other code bases shrink the window and the table.

    Args:
        table: ((2v - 1)^2, heads) of a window of side v >= ``window``.
        window: Side of the smaller window.

    Returns:
        ((2 window - 1)^2, heads).
    """
    side = round(table.size(0) ** 0.5)
    margin = (side - (2 * window - 1)) // 2
    grid = table.unflatten(0, (side, side))
    inner = slice(margin, side - margin)
    return grid[inner, inner].flatten(0, 1)


def crop_tables(
    state: dict[str, Tensor], settings: SwinSettings, report: KeyReport
) -> dict[str, int]:
    """Crop tables of ``layers.<stage>`` to the grid, in place.

    Returns:
        The window of each table by its key.
    """
    windows = {}
    for key, value in state.items():
        if key.endswith('relative_position_bias_table'):
            stage = int(key.partition('layers.')[2].split('.')[0])
            window = min(settings.window_sizes[stage], *settings.grids[stage])
            state[key] = centre_of_table(value, window)
            if state[key].shape != value.shape:
                report.resized[key] = (value.shape, state[key].shape)
            windows[key] = window
    return windows


# Merging permutation: the order of the four tokens in PatchMerging. With a and
# b the row and column of a token in its 2x2 block and c its channel, mixmae,
# MixMIM and timm stack (b, a, c), slowest first; mmcv's unfold stacks
# (c, a, b). Layer norm and linear layer of a merging follow that order.
def to_unfold_order(x: Tensor) -> Tensor:
    """Permute the last axis (4C) from our order to mmcv's."""
    return x.unflatten(-1, (2, 2, -1)).transpose(-3, -1).flatten(-3)


def from_unfold_order(x: Tensor) -> Tensor:
    """Permute the last axis (4C) from mmcv's order to ours."""
    return x.unflatten(-1, (-1, 2, 2)).transpose(-3, -1).flatten(-3)


# MixMIM's position tables hold x in the first half of the channels.
# mmpretrain's ``build_2d_sincos_position_embedding`` holds y there, so a
# network pretrained with it has learned the other order. Only the positions
# distinguish the channels of the first stage (or of the decoder): swapping the
# halves of the whole residual stream converts one network exactly into the
# other.

# Keys whose rows (axis 0) or columns (last axis) are channels of the stream:
# of a MIMSwin, or of a MixMAENeck.
_BLOCKS = r'(stages\.0|decoder)\.blocks\.\d+\.'
_ROWS = re.compile(
    r'((patch_embed\.(proj|norm)|norm0|embed|decoder\.norm)\.(weight|bias)|'
    rf'{_BLOCKS}(norm[12]|attn\.proj|mlp\.fc2)\.(weight|bias))'
)
_COLUMNS = re.compile(
    rf'({_BLOCKS}(attn\.qkv|mlp\.fc1)\.weight|'
    r'stages\.1\.downsample\.(norm\.(weight|bias)|reduction\.weight)|'
    r'mask_token|decoder\.predict\.weight)'
)


def swap_channels(state: Mapping[str, Tensor], dims: int) -> dict[str, Tensor]:
    """Return the equivalent network with x and y of its positions swapped.

    Args:
        state: State dict of a ``MIMSwin`` or ``MixMAENeck``, without prefix.
        dims: Channels of the first stage, or of the decoder.

    Returns:
        All tensors; halves are swapped in those of the residual stream with
        the positions. Two swaps restore the tensors bit-exactly.
    """
    swapped = {}
    for key, value in state.items():
        if _ROWS.fullmatch(key):
            value = value.roll(dims // 2, dims=0)
        elif _COLUMNS.fullmatch(key):
            # A merging concatenates the channels of four tokens.
            parts = value.unflatten(-1, (-1, dims))
            value = parts.roll(dims // 2, dims=-1).flatten(-2)
        swapped[key] = value
    return swapped


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
