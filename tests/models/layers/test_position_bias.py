import pytest
import torch

from mixmae.models.layers.bias_resize import resize_table
from mixmae.models.layers.position_bias import RelativePositionBias


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


@pytest.mark.parametrize('resize', ['bicubic', 'geometric'])
def test_a_table_of_another_window_is_resized_on_loading(resize):
    small = RelativePositionBias(7, 2)
    large = RelativePositionBias(12, 2, resize)
    state = small.state_dict()
    large.load_state_dict(state)
    assert torch.equal(large.table, resize_table(small.table, 12, resize))
    assert state['table'].shape == (169, 2)
