"""Small UM-MAE and its masks."""

from __future__ import annotations

from torch import nn

from mixmae.masking import UniformMasking
from mixmae.structures import CellMask
from tests.contracts.masking_contract import generator
from tests.models.parts import TINY, tiny_model

# Patches of 2 and cells of 8 pixels: 4 x 4 tokens per cell, as officially.
UM_TINY = {
    **TINY,
    'window_sizes': (8, 8, 8, 8),
    'shift': True,
    'absolute_positions': False,
    'position_bias': 'log_coordinates',
    'bias_dims': 8,
    'merging': 'conv',
}


def um_model(
    backbone: dict | None = None, neck: dict | None = None, **changes
) -> nn.Module:
    """Return an UM-MAE of a few thousand random parameters."""
    return tiny_model(
        backbone={**UM_TINY, **(backbone or {})},
        neck={
            'type': 'UMMAENeck',
            'token_channels': 8,
            'cell': 8,
            **(neck or {}),
        },
        head={'type': 'MaskedReconstructionHead'},
        masking={'type': 'UniformMasking', 'cell': 8, 'multiple': 32},
        **changes,
    )


def um_mask(
    height: int = 64, width: int = 64, batch: int = 3, seed: int = 2
) -> CellMask:
    masking = UniformMasking(cell=8, multiple=32)
    return masking(batch, height, width, generator(seed))
