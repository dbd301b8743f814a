import pytest
import torch

from mixmae.structures import AttentionGroups, CellMask
from tests.models.parts import random_mask


def test_strides_agree_with_nearest_upsampling():
    mask = random_mask(64, 96, batch=3)
    for stride in (16, 8, 4, 2, 1):
        size = (64 // stride, 96 // stride)
        wanted = torch.nn.functional.interpolate(
            mask.hidden[:, None].float(), size, mode='nearest'
        )[:, 0].bool()
        assert torch.equal(mask.at_stride(stride), wanted)
        assert torch.equal(mask.on_grid(*size), wanted)


@pytest.mark.parametrize('stride', [0, 3, 32])
def test_stride_must_divide_the_cell(stride):
    with pytest.raises(ValueError, match='must divide the cell'):
        random_mask().at_stride(stride)


@pytest.mark.parametrize('grid', [(4, 5), (2, 4), (12, 12), (0, 0)])
def test_grid_must_be_one_of_the_image(grid):
    with pytest.raises(ValueError, match='4x4 cells'):
        random_mask().on_grid(*grid)


def test_counts_hidden_cells_if_they_are_one_number():
    hidden = torch.zeros(2, 2, 2, dtype=torch.bool)
    hidden[:, 0, 0] = True
    assert CellMask(hidden, 8).num_hidden == 1
    hidden[1, 1, 1] = True
    assert CellMask(hidden, 8).num_hidden is None


def test_one_visible_cell_in_four_is_recognised():
    hidden = torch.ones(2, 4, 6, dtype=torch.bool)
    hidden[:, ::2, 1::2] = False
    assert CellMask(hidden, 8).keeps_one_in_four()
    # As many, but two of them in one 2x2.
    hidden[1, 0, 1], hidden[1, 2, 0] = True, False
    assert not CellMask(hidden, 8).keeps_one_in_four()
    # Not known on a GPU until it is computed.
    mask = CellMask(hidden, 8)
    object.__setattr__(mask, 'one_in_four', None)
    assert not mask.keeps_one_in_four()
    assert not CellMask(hidden[:, :3], 8).keeps_one_in_four()


def test_to_moves_all_attributes():
    hidden = torch.eye(2, dtype=torch.bool)[None]
    mask = CellMask(hidden, 8, secondary=~hidden)
    moved = mask.to('meta')
    assert moved.hidden.is_meta and moved.secondary.is_meta
    assert (moved.cell, moved.num_hidden) == (8, 2)
    assert moved.one_in_four is False


@pytest.mark.parametrize(
    ('hidden', 'cell', 'message'),
    [
        (torch.zeros(1, 2, 2), 8, 'must be bool'),
        (torch.zeros(2, 2, dtype=torch.bool), 8, r'\(2, 2\)'),
        (torch.zeros(1, 2, 2, dtype=torch.bool), 0, 'positive: 0'),
    ],
)
def test_invalid_masks(hidden, cell, message):
    with pytest.raises(ValueError, match=message):
        CellMask(hidden, cell)


def test_order_sorts_and_undoes():
    groups = AttentionGroups(random_mask(64, 96))
    for stride in (16, 8, 4):
        grid = 64 // stride, 96 // stride
        labels = groups.labels(*grid).flatten()
        permutation, inverse, sizes = groups.order(*grid)
        visible, hidden = labels[permutation].split(sizes)
        assert not visible.any() and hidden.all()
        assert torch.equal(permutation[inverse], torch.arange(labels.numel()))


def test_order_keeps_raster_order_within_a_group():
    permutation, _, sizes = AttentionGroups(random_mask()).order(8, 8)
    for part in permutation.split(sizes):
        assert torch.equal(part, part.sort().values)


def test_no_common_order_of_different_masks():
    assert AttentionGroups(random_mask(batch=2)).order(8, 8) is None
