import pytest
import torch

from mixmae.models.layers.attention_layout import SortedTokens, Windows
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


@pytest.mark.parametrize(
    ('window', 'shift'), [(1, 0), (4, 0), (4, 2), (5, 2), (7, 3), (100, 50)]
)
@pytest.mark.parametrize('grid', [(8, 8), (7, 12), (3, 9), (1, 1)])
def test_reverse_undoes_partition(grid, window, shift):
    x = torch.randn(2, *grid, 3)
    windows = Windows(grid, window, shift)
    assert torch.equal(windows.reverse(windows.partition(x)), x)


def test_sorted_tokens_reverse():
    grid = (8, 12)
    order = AttentionGroups(random_mask(64, 96)).order(*grid)
    tokens = SortedTokens(grid, 14, order)
    x = torch.randn(2, *grid, 3)
    assert torch.equal(tokens.reverse(tokens.partition(x)), x)


def test_windows_are_contiguous_patches():
    x = torch.arange(24).view(1, 4, 6, 1)
    windows = Windows((4, 6), 2).partition(x)[0, :, :, 0]
    assert windows[0].tolist() == [0, 1, 6, 7]
    assert windows[1].tolist() == [2, 3, 8, 9]
    assert windows[3].tolist() == [12, 13, 18, 19]


def test_whole_windows_have_no_mask():
    assert Windows((8, 8), 4).attention_mask is None
    assert Windows((8, 8), 8, shift=4).attention_mask is None


def attended_pairs(windows: Windows) -> torch.Tensor:
    """Return the attention mask of a grid in raster order, (HW, HW)."""
    height, width = windows.grid
    index = torch.arange(1, height * width + 1).view(1, height, width, 1)
    index = windows.partition(index)[0, :, :, 0] - 1
    pairs = torch.zeros(height * width, height * width, dtype=torch.bool)
    for tokens, mask in zip(index, windows.attention_mask[0], strict=True):
        real = tokens >= 0
        rows = tokens[real]
        pairs[rows[:, None], rows] = mask[real][:, real]
        # Nothing attends to padding, yet no row of the softmax is empty.
        assert not mask[real][:, ~real].any()
        assert mask.any(-1).all()
    return pairs


@pytest.mark.parametrize('shift', [0, 2])
@pytest.mark.parametrize('with_groups', [False, True])
@pytest.mark.parametrize('grid', [(8, 8), (8, 12), (16, 12)])
def test_attention_mask(grid, with_groups, shift):
    """Compared with a definition by coordinates, token by token."""
    window = 5
    mask = random_mask(grid[0] * 8, grid[1] * 8, cell=32)
    groups = AttentionGroups(mask) if with_groups else None
    windows = Windows(grid, window, shift, groups)
    label = mask.on_grid(*grid)[0]
    places = [(y, x) for y in range(grid[0]) for x in range(grid[1])]
    # Cutting a grid rolled by s at multiples of w cuts it at s + k w.
    cell = [((y - shift) // window, (x - shift) // window) for y, x in places]
    wanted = [
        [
            cell[i] == cell[j]
            and (not with_groups or bool(label[places[i]] == label[places[j]]))
            for j in range(len(places))
        ]
        for i in range(len(places))
    ]
    assert torch.equal(attended_pairs(windows), torch.tensor(wanted))


def test_visible_padding_is_optional():
    assert Windows((6, 6), 4, mask_padding=True).attention_mask is not None
    assert Windows((6, 6), 4, mask_padding=False).attention_mask is None


def test_clamped_window_uses_the_centre_of_the_bias_table():
    windows = Windows((2, 3), 4)
    assert windows.positions.tolist() == [0, 1, 2, 4, 5, 6]
