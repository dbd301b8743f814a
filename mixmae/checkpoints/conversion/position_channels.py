"""Networks with the opposite x/y channel order of their positions.

MixMIM's tables hold x in the first half of the channels. mmpretrain's
``build_2d_sincos_position_embedding`` holds y there, so a network pretrained
with it has learned the other order. Only the positions distinguish the
channels of the first stage (or of the decoder): swapping the halves of the
whole residual stream converts one network exactly into the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# Keys whose rows (axis 0) or columns (last axis) are channels of the stream.
_BLOCK_ROWS = r'(norm[12]\.(weight|bias)|(attn\.proj|mlp\.fc2)\.(weight|bias))'
_BLOCK_COLUMNS = r'(attn\.qkv|mlp\.fc1)\.weight'
_BACKBONE_ROWS = re.compile(
    rf'(patch_embed\.(proj|norm)\.(weight|bias)|norm0\.(weight|bias)|'
    rf'stages\.0\.blocks\.\d+\.{_BLOCK_ROWS})'
)
_BACKBONE_COLUMNS = re.compile(
    rf'(stages\.0\.blocks\.\d+\.{_BLOCK_COLUMNS}|'
    rf'stages\.1\.downsample\.(norm\.(weight|bias)|reduction\.weight))'
)
_NECK_ROWS = re.compile(
    rf'(embed\.(weight|bias)|decoder\.norm\.(weight|bias)|'
    rf'decoder\.blocks\.\d+\.{_BLOCK_ROWS})'
)
_NECK_COLUMNS = re.compile(
    rf'(mask_token|decoder\.blocks\.\d+\.{_BLOCK_COLUMNS}|'
    rf'decoder\.predict\.weight)'
)


def swap_backbone_channels(
    state: Mapping[str, Tensor], dims: int
) -> dict[str, Tensor]:
    """Return the equivalent MIMSwin with x and y of its table swapped.

    Args:
        state: State dict in our names, without prefix.
        dims: Channels of the first stage.

    Returns:
        All tensors; halves are swapped in those of the first stage's stream.
        Two swaps restore the tensors bit-exactly.
    """
    return _swap(state, dims, _BACKBONE_ROWS, _BACKBONE_COLUMNS)


def swap_neck_channels(
    state: Mapping[str, Tensor], dims: int
) -> dict[str, Tensor]:
    """The same for a ``MixMAENeck`` whose decoder has ``dims`` channels."""
    return _swap(state, dims, _NECK_ROWS, _NECK_COLUMNS)


def _swap(
    state: Mapping[str, Tensor],
    dims: int,
    rows: re.Pattern,
    columns: re.Pattern,
) -> dict[str, Tensor]:
    swapped = {}
    for key, value in state.items():
        if rows.fullmatch(key):
            value = value.roll(dims // 2, dims=0)
        elif columns.fullmatch(key):
            # A merging concatenates the channels of four tokens.
            parts = value.unflatten(-1, (-1, dims))
            value = parts.roll(dims // 2, dims=-1).flatten(-2)
        swapped[key] = value
    return swapped
