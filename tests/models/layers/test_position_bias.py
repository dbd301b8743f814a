import pytest
import torch

from mixmae.models.layers.position_bias import (
    RelativePositionBias,
    resize_table,
)


def test_bias_depends_on_the_offset_alone():
    bias = RelativePositionBias(3, 2)
    found = bias()
    assert found.shape == (2, 9, 9)
    for i in range(9):
        for j in range(9):
            dy, dx = i // 3 - j // 3, i % 3 - j % 3
            row = (dy + 2) * 5 + dx + 2
            assert torch.equal(found[:, i, j], bias.table[row])


def test_chosen_tokens_are_a_part_of_all():
    bias = RelativePositionBias(4, 3)
    positions = torch.tensor([7, 0, 12, 3])
    wanted = bias()[:, positions][:, :, positions]
    assert torch.equal(bias(positions), wanted)


def test_a_table_of_another_window_is_resized_on_loading():
    small, large = RelativePositionBias(7, 2), RelativePositionBias(12, 2)
    state = small.state_dict()
    large.load_state_dict(state)
    assert torch.equal(large.table, resize_table(small.table, 12))
    assert state['table'].shape == (169, 2)


def test_resizing_keeps_smooth_tables():
    ramp = torch.linspace(-1, 1, 13)
    table = (ramp[:, None] + ramp).reshape(-1, 1)
    resized = resize_table(table, 14).view(27, 27)
    # The official convention maps borders of pixels, not their centres.
    wanted = torch.linspace(-1, 1, 27)
    inner = slice(4, -4)
    error = resized[13, inner] - wanted[inner] * (27 / 13 * 12 / 26)
    assert error.abs().max() < 0.1


def test_a_table_is_square():
    with pytest.raises(ValueError, match='square number of rows, got 170'):
        resize_table(torch.zeros(170, 2), 7)
