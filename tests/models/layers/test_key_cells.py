import pytest
import torch

from mixmae.models.layers.key_cells import KeyCells
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def numbered(*grid: int) -> torch.Tensor:
    return torch.arange(grid[0] * grid[1]).view(1, *grid, 1)


def test_cells_in_raster_order():
    cells = KeyCells((4, 6), 2)
    tokens = cells.partition(numbered(4, 6))[0, ..., 0]
    assert cells.segments == (6,)
    assert tokens[0].tolist() == [0, 1, 6, 7]
    assert tokens[4].tolist() == [14, 15, 20, 21]


@pytest.mark.parametrize('sort', [True, False])
@pytest.mark.parametrize('side', [1, 2, 4])
def test_reverse_undoes_partition(side, sort):
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    cells = KeyCells((8, 12), side, groups, sort)
    x = torch.randn(3, 8, 12, 5)
    assert torch.equal(cells.reverse(cells.partition(x)), x)


def test_sorted_segments_hold_one_group_each():
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    cells = KeyCells((8, 12), 2, groups)
    labels = cells.partition(groups.labels(8, 12)[..., None])
    visible, hidden = labels.split(cells.segments, dim=1)
    assert hidden.all()
    assert not visible.any()
    assert cells.attention_mask is None


@pytest.mark.parametrize('batch', [None, 3])
def test_attention_mask_of_unsorted_cells(batch):
    mask = random_mask(32, 48, batch)
    groups = AttentionGroups(mask)
    cells = KeyCells((8, 12), 2, groups, sort_groups=False)
    labels = cells.partition(groups.labels(8, 12)[..., None])
    keys = labels[:, :, 0, 0]
    queries = labels[..., 0].flatten(1)
    wanted = queries[:, :, None] == keys[:, None, :]
    assert torch.equal(cells.attention_mask[:, 0], wanted)
    assert cells.attention_mask.shape == (batch or 1, 1, 96, 24)


def test_masks_per_image_are_never_sorted():
    groups = AttentionGroups(random_mask(32, 48, 3))
    assert KeyCells((8, 12), 2, groups).attention_mask is not None


def test_each_cell_of_a_padded_grid_has_a_real_token():
    cells = KeyCells((5, 7), 4)
    assert cells.segments == (4,)
    assert (~cells.padding).sum() == 35
    assert (~cells.padding).any(2).all()
    x = torch.randn(2, 5, 7, 3)
    tokens = cells.partition(x)
    assert not tokens[cells.padding.expand_as(tokens)].any()
    assert torch.equal(cells.reverse(tokens), x)


def test_keys_may_not_hold_two_cells_of_a_mask():
    """8 x 8 tokens of 4 x 4 mask cells: keys of 4 x 4 tokens cross them."""
    groups = AttentionGroups(random_mask(64, 64))
    with pytest.raises(ValueError, match='4x4 cells .* 2x2 tokens'):
        KeyCells((8, 8), 4, groups)
