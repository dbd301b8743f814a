import pytest
import torch

from mixmae.checkpoints.conversion.position_table import identify_positions
from mixmae.models.layers.absolute_positions import SinCosPositions


def table(side: int, of: int | None = None) -> torch.Tensor:
    positions = SinCosPositions(of or side, of or side, 8).at((side, side))
    return positions.flatten(0, 1)[None]


def test_ours_and_theirs():
    found = identify_positions(table(6))
    assert found == (6, True, False, 0.0)
    found = identify_positions(table(6).roll(4, -1))
    assert found.swapped and found.present
    # Half precision is close enough, and is noted.
    found = identify_positions(table(6).half())
    assert 0 < found.deviation < 1e-3


def test_resized_tables_are_recognised_by_their_original_size():
    found = identify_positions(table(12, 7), others=(5, 7))
    assert found.side == 7 and not found.swapped
    with pytest.raises(ValueError, match='the nearest one differs by'):
        identify_positions(table(12, 7))


def test_zeros_are_recognised_as_no_positions():
    assert not identify_positions(torch.zeros(1, 9, 8)).present
