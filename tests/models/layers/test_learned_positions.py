import torch

from mixmae.models.layers.absolute_positions import SinCosPositions
from mixmae.models.layers.learned_positions import LearnedPositions


def test_start_from_sines_and_cosines():
    tokens = torch.randn(2, 4, 6, 8)
    learned = LearnedPositions(4, 6, 8, 'sincos')
    frozen = SinCosPositions(4, 6, 8)
    assert torch.equal(learned(tokens), frozen(tokens))
    assert learned.table.requires_grad


def test_are_interpolated_as_frozen_ones():
    tokens = torch.zeros(1, 7, 9, 8)
    learned = LearnedPositions(4, 6, 8, 'sincos')
    assert torch.equal(learned(tokens), SinCosPositions(4, 6, 8)(tokens))


def test_random_start():
    torch.manual_seed(0)
    table = LearnedPositions(8, 8, 16).table
    assert 0.015 < table.std().item() < 0.025
