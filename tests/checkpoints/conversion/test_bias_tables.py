import pytest
import torch

from mixmae.checkpoints.conversion.bias_tables import (
    centre_of_table,
    offset_index,
)
from mixmae.models.layers.attention_layout import clamped_positions
from mixmae.models.layers.position_bias import RelativePositionBias


@pytest.mark.parametrize('window', [1, 2, 5])
def test_index_is_that_of_our_tables(window):
    bias = RelativePositionBias(window, 2)
    assert torch.equal(offset_index(window), bias.index)


def test_a_smaller_grid_uses_the_centre():
    large, small = RelativePositionBias(7, 3), RelativePositionBias(4, 3)
    small.table.data = centre_of_table(large.table.data, 4)
    looked_up = large(clamped_positions(4, 4, 7, None))
    assert torch.equal(small(), looked_up)
    table = large.table.data
    assert torch.equal(centre_of_table(table, 7), table)
