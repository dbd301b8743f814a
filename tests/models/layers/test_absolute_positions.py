import pytest
import torch

from mixmae.models.layers.absolute_positions import SinCosPositions
from mixmae.models.layers.sincos import grid_coords


def test_positions_computed_anew_or_resized():
    made = SinCosPositions(32, 32, 8)
    anew = SinCosPositions(32, 32, 8, 'sincos').at((48, 32))
    resized = made.at((48, 32))
    assert resized.shape == anew.shape == (48, 32, 8)
    assert torch.equal(anew[:32], made.table)
    # Bicubic resizing keeps the range of coordinates instead.
    assert not torch.allclose(resized[:32], made.table, atol=0.1)


def test_gathered_tokens_keep_their_positions():
    positions = SinCosPositions(32, 32, 8)
    coords = grid_coords(32, 32)[None, ::4, 1::3].float()
    found = positions(torch.zeros(*coords.shape[:3], 8), coords)
    assert torch.equal(found[0], positions.table[::4, 1::3])


def test_an_unknown_resize():
    with pytest.raises(ValueError, match="'bicubic' or 'sincos', got linear"):
        SinCosPositions(4, 4, 8, 'linear')
