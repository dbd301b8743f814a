import pytest
import torch

from mixmae.models.layers.absolute_positions import (
    LearnedPositions,
    SinCosPositions,
    build_positions,
    grid_coords,
    sincos_embedding,
    token_grid,
)


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


def test_positions_computed_again_or_resized():
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


def test_learned_positions_start_from_sines_and_cosines():
    tokens = torch.randn(2, 4, 6, 8)
    learned = LearnedPositions(4, 6, 8, 'sincos')
    frozen = SinCosPositions(4, 6, 8)
    assert torch.equal(learned(tokens), frozen(tokens))
    assert learned.table.requires_grad


def test_learned_positions_are_interpolated_like_frozen_ones():
    tokens = torch.zeros(1, 7, 9, 8)
    learned = LearnedPositions(4, 6, 8, 'sincos')
    assert torch.equal(learned(tokens), SinCosPositions(4, 6, 8)(tokens))


def test_random_learned_positions():
    torch.manual_seed(0)
    table = LearnedPositions(8, 8, 16).table
    assert 0.015 < table.std().item() < 0.025


@pytest.mark.parametrize('size', [(64, 96), (65, 93), (61, 96)])
def test_a_grid_covers_the_image_by_less_than_one_patch_more(size):
    for side, tokens in zip(size, token_grid(size, 4), strict=True):
        assert side <= 4 * tokens < side + 4
    assert token_grid(size[0], 4) == (token_grid(size, 4)[0],) * 2


def test_learned_positions_start_as_the_frozen_ones():
    frozen, learned = (
        build_positions(kind, (3, 5), 8, 'bicubic')
        for kind in ('sincos', 'learned')
    )
    assert torch.equal(frozen.table, learned.table)
    assert not list(frozen.parameters()) and list(learned.parameters())


def test_choices():
    choices = ('sincos', 'learned')
    build_positions('sincos', (3, 5), 8, 'sincos', choices)
    with pytest.raises(ValueError, match="got 'per_stage'"):
        build_positions('per_stage', (3, 5), 8, 'bicubic', choices)
    with pytest.raises(ValueError, match="needs positions='sincos'"):
        build_positions('learned', (3, 5), 8, 'sincos', choices)
