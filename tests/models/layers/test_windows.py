import pytest
import torch

from mixmae.models.layers import windows as windows_module
from mixmae.models.layers.windows import SortedTokens, Windows
from mixmae.structures import AttentionGroups, CellMask
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


def test_nothing_is_masked_where_everybody_may_meet():
    assert Windows((8, 8), 4).allow is None
    assert Windows((8, 8), 8, shift=4).allow is None


def allowed_pairs(windows: Windows) -> torch.Tensor:
    """Which tokens of the grid, by raster index, may meet: (HW, HW)."""
    height, width = windows.grid
    index = torch.arange(1, height * width + 1).view(1, height, width, 1)
    index = windows.partition(index)[0, :, :, 0] - 1
    pairs = torch.zeros(height * width, height * width, dtype=torch.bool)
    allow = windows.allow.expand(1, *windows.allow.shape[1:])[0]
    for tokens, may in zip(index, allow, strict=True):
        real = tokens >= 0
        rows = tokens[real]
        pairs[rows[:, None], rows] = may[real][:, real]
        # Padding is invisible, yet no row of the softmax is empty.
        assert not may[real][:, ~real].any()
        assert may.any(-1).all()
    return pairs


@pytest.mark.parametrize('shift', [0, 2])
@pytest.mark.parametrize('with_groups', [False, True])
@pytest.mark.parametrize('grid', [(8, 8), (8, 12), (16, 12)])
def test_who_may_meet(grid, with_groups, shift):
    """Against a definition by coordinates, token by token."""
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
    assert torch.equal(allowed_pairs(windows), torch.tensor(wanted))


def test_visible_padding_is_a_choice():
    assert Windows((6, 6), 4, mask_padding=True).allow is not None
    assert Windows((6, 6), 4, mask_padding=False).allow is None


def test_clamped_window_uses_the_centre_of_the_bias_table():
    windows = Windows((2, 3), 4)
    assert windows.positions.tolist() == [0, 1, 2, 4, 5, 6]


def meeting(windows: Windows) -> torch.Tensor:
    """Who meets whom by the parts: bool (nW, N, N)."""
    meets = torch.zeros_like(windows.allow[0])
    seen = torch.zeros(meets.shape[:2], dtype=torch.int)
    for tokens, _, here in windows.split:
        meets[here.start][tokens[:, None], tokens] = True
        seen[here.start, tokens] += 1
    assert (seen == 1).all()
    return meets


@pytest.mark.parametrize('shift', [0, 2])
@pytest.mark.parametrize('grid', [(8, 8), (8, 12)])
def test_parts_say_what_the_mask_says(monkeypatch, grid, shift):
    monkeypatch.setattr(windows_module, '_MANY', 25)
    monkeypatch.setattr(windows_module, '_MOST', 1)
    mask = random_mask(8 * grid[0], 8 * grid[1], cell=32)
    windows = Windows(grid, 5, shift, AttentionGroups(mask))
    assert torch.equal(meeting(windows), windows.allow[0])


def test_parts_know_their_places_in_the_full_window(monkeypatch):
    monkeypatch.setattr(windows_module, '_MANY', 1)
    groups = AttentionGroups(random_mask(64, 96, cell=32))
    windows = Windows((4, 6), 5, 0, groups)
    assert windows.split is not None
    for tokens, positions, _ in windows.split:
        assert torch.equal(positions, windows.positions[tokens])


@pytest.mark.parametrize(
    ('batch', 'window', 'device'),
    [(3, 16, 'cpu'), (1, 11, 'cpu'), (1, 16, 'meta')],
)
def test_no_parts_where_they_do_not_serve(batch, window, device):
    """Masks differ, windows are small, or nobody knows the values."""
    mask = random_mask(64, 64, batch=batch, cell=32)
    hidden = mask.hidden.to(device)
    one = CellMask(hidden, 32, num_hidden=mask.num_hidden)
    windows = Windows((16, 16), window, 0, AttentionGroups(one), device=device)
    assert windows.allow is not None
    assert windows.split is None
    here = Windows((16, 16), 16, 0, AttentionGroups(random_mask(64, 64)))
    assert here.split is not None


@pytest.mark.parametrize(('side', 'share'), [(24, 9 / 16), (96, 225 / 256)])
def test_no_parts_where_most_windows_are_whole(side, share):
    windows = Windows((side, side), 12, 6)
    met = windows.allow.float().mean()
    assert met == pytest.approx(share)
    assert (windows.split is not None) == (share < 0.75)
