import pytest
import torch

from mixmae.models.layers import attention_cpu_tiled as module
from mixmae.models.layers import score_tiles
from mixmae.models.layers.attention_cpu_tiled import (
    Segment,
    split_by_id,
    tiled_attention,
)
from mixmae.models.layers.attention_layout import Windows
from mixmae.models.layers.position_bias import gather_bias
from mixmae.profiling.memory import ActivationMemory
from mixmae.structures import AttentionGroups, CellMask
from tests.models.parts import random_mask

IMAGES, WINDOWS, TOKENS, HEADS, DIMS, OFFSETS = 3, 4, 10, 2, 4, 30
# Places in the raster of the full window, which is larger than the tokens.
PLACES = 14
LAYOUTS = [
    'whole',
    'clamped',
    'two segments',
    'segments by window',
    'one mask',
    'mask per image',
    'gathered',
]


def by_autograd(qkv, rows, index, segments, mask=None):
    """The same attention in plain PyTorch, with full score matrices."""
    out = torch.empty_like(qkv[:, :, :, 0])
    for tokens, positions, windows in segments:
        here = qkv[:, windows][:, :, tokens]
        pairs = index
        if positions is not None:
            pairs = index[positions[:, None], positions]
        query, key, value = here.permute(3, 0, 1, 4, 2, 5)
        scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
        scores = scores + gather_bias(rows, pairs)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, :, None], -torch.inf)
        mixed = (scores.softmax(-1) @ value).transpose(2, 3)
        out[:, windows, tokens] = mixed
    return out.flatten(3)


def case(layout, dtype=torch.float64):
    """Return inputs and a gradient of the output."""
    torch.manual_seed(0)
    qkv = torch.randn(IMAGES, WINDOWS, TOKENS, 3, HEADS, DIMS).to(dtype)
    rows = torch.randn(OFFSETS, HEADS).to(dtype)
    pairs = (IMAGES, WINDOWS, TOKENS, TOKENS)
    index = torch.randint(
        OFFSETS, pairs if layout == 'gathered' else (PLACES, PLACES)
    )
    if layout not in (
        'gathered',
        'clamped',
        'two segments',
        'segments by window',
    ):
        index = index[:TOKENS, :TOKENS].clone()
    positions = torch.randperm(PLACES)[:TOKENS]
    segments = [Segment()]
    if layout == 'clamped':
        segments = [Segment(positions=positions)]
    elif layout == 'two segments':
        segments = [
            Segment(slice(4), positions[:4]),
            Segment(slice(4, TOKENS), positions[4:]),
        ]
    elif layout == 'segments by window':
        segments = []
        for window in range(WINDOWS):
            for tokens in torch.randperm(TOKENS).tensor_split([3 + window]):
                here = slice(window, window + 1)
                segments.append(Segment(tokens, positions[tokens], here))
    mask = None
    if layout in ('one mask', 'mask per image', 'gathered'):
        images = 1 if layout == 'one mask' else IMAGES
        mask = torch.rand(images, WINDOWS, TOKENS, TOKENS) > 0.5
        mask |= torch.eye(TOKENS, dtype=torch.bool)
    grad = torch.randn(IMAGES, WINDOWS, TOKENS, HEADS * DIMS).to(dtype)
    return (
        qkv.requires_grad_(),
        rows.requires_grad_(),
        index,
        segments,
        mask,
    ), grad


def outcome(function, inputs, grad):
    out = function(*inputs)
    return out.detach(), *torch.autograd.grad(out, inputs[:2], grad)


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('tile', [1 << 18, 1000, 500, 1])
def test_equals_autograd(monkeypatch, layout, tile):
    """Tiles of all images, of some, and of single windows."""
    monkeypatch.setattr(score_tiles, '_ON_CPU', tile)
    inputs, grad = case(layout)
    wanted = outcome(by_autograd, inputs, grad)
    for ours, theirs in zip(
        outcome(tiled_attention, inputs, grad), wanted, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_bfloat16_agrees_up_to_rounding(layout):
    inputs, grad = case(layout, torch.bfloat16)
    exact = outcome(by_autograd, case(layout)[0], grad.double())
    for ours, wanted in zip(
        outcome(tiled_attention, inputs, grad), exact, strict=True
    ):
        assert ours.dtype == torch.bfloat16
        error = (ours.double() - wanted).norm() / wanted.norm()
        assert error < 0.015, error


def test_scores_are_not_saved():
    inputs, grad = case('whole', torch.float32)
    with ActivationMemory(torch.nn.Module()) as saved:
        tiled_attention(*inputs)
    shapes = [origin.split(')')[0] for origin in saved.origins]
    kept = inputs[0].nbytes + grad.nbytes
    table = inputs[1].nbytes + inputs[2].nbytes
    assert saved.total == kept + table, shapes


def test_it_cannot_be_differentiated_twice():
    inputs, grad = case('whole')
    out = tiled_attention(*inputs)
    [first] = torch.autograd.grad(
        out, inputs[:1], grad.requires_grad_(), create_graph=True
    )
    with pytest.raises(RuntimeError, match='once_differentiable'):
        first.sum().backward()


def split(windows: Windows):
    return split_by_id(windows.segments, windows.positions)


def mask_of(windows: Windows) -> torch.Tensor:
    """Return the attention mask of the segments, bool (nW, N, N)."""
    mask = torch.zeros_like(windows.attention_mask[0])
    seen = torch.zeros(mask.shape[:2], dtype=torch.int)
    for tokens, _, here in split(windows):
        mask[here.start][tokens[:, None], tokens] = True
        seen[here.start, tokens] += 1
    assert (seen == 1).all()
    return mask


@pytest.mark.parametrize('shift', [0, 2])
@pytest.mark.parametrize('grid', [(8, 8), (8, 12)])
def test_segments_equal_the_mask(monkeypatch, grid, shift):
    monkeypatch.setattr(module, '_MIN_TOKENS', 25)
    monkeypatch.setattr(module, '_MAX_SHARE', 1)
    mask = random_mask(8 * grid[0], 8 * grid[1], cell=32)
    windows = Windows(grid, 5, shift, AttentionGroups(mask))
    assert torch.equal(mask_of(windows), windows.attention_mask[0])


def test_segments_have_positions_in_the_full_window(monkeypatch):
    monkeypatch.setattr(module, '_MIN_TOKENS', 1)
    groups = AttentionGroups(random_mask(64, 96, cell=32))
    windows = Windows((4, 6), 5, 0, groups)
    assert split(windows) is not None
    for tokens, positions, _ in split(windows):
        assert torch.equal(positions, windows.positions[tokens])


@pytest.mark.parametrize(
    ('batch', 'window', 'device'),
    [(3, 16, 'cpu'), (1, 11, 'cpu'), (1, 16, 'meta')],
)
def test_no_split_where_it_does_not_pay(batch, window, device):
    """Masks that differ by image, small windows, unknown values."""
    mask = random_mask(64, 64, batch=batch, cell=32)
    hidden = mask.hidden.to(device)
    one = CellMask(hidden, 32, num_hidden=mask.num_hidden)
    windows = Windows((16, 16), window, 0, AttentionGroups(one), device=device)
    assert windows.attention_mask is not None
    assert split(windows) is None
    here = Windows((16, 16), 16, 0, AttentionGroups(random_mask(64, 64)))
    assert split(here) is not None


@pytest.mark.parametrize(('side', 'share'), [(24, 9 / 16), (96, 225 / 256)])
def test_no_split_where_most_windows_are_whole(side, share):
    windows = Windows((side, side), 12, 6)
    found = windows.attention_mask.float().mean()
    assert found == pytest.approx(share)
    assert (split(windows) is not None) == (share < 0.75)
