import pytest
import torch

from mixmae.models.layers.sincos import grid_coords, sincos_embedding


def test_half_of_the_channels_encodes_x_first():
    table = sincos_embedding(grid_coords(3, 5), 8)
    assert table.shape == (3, 5, 8)
    assert torch.equal(table[0, :, :4], table[2, :, :4])
    assert torch.equal(table[:, 0, 4:], table[:, 4, 4:])
    assert not torch.equal(table[0, 0, :4], table[0, 1, :4])


def test_values():
    """x = 2, y = 1, frequencies 1 and 1/100."""
    found = sincos_embedding(torch.tensor([1.0, 2.0]), 8).double()
    x, y = torch.tensor(2.0).double(), torch.tensor(1.0).double()
    halves = [
        wave(value * step)
        for value in (x, y)
        for wave in (torch.sin, torch.cos)
        for step in (1, 0.01)
    ]
    torch.testing.assert_close(
        found, torch.stack(halves), rtol=1e-6, atol=1e-7
    )


def test_dims_must_split_in_four():
    with pytest.raises(ValueError, match='multiple of 4 dims, got 6'):
        sincos_embedding(grid_coords(2, 2), 6)
