import pytest
import torch

from mixmae.models.layers import windows as windows_module
from mixmae.models.layers.attention import SelfAttention, WindowAttention
from mixmae.models.layers.windows import SortedTokens, Windows
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def window_attention(window: int = 4) -> WindowAttention:
    torch.manual_seed(0)
    return WindowAttention(8, 2, window).eval()


def attend(attention, x, layout):
    with torch.no_grad():
        return layout.reverse(attention(layout.partition(x), layout))


def by_hand(attention, tokens, positions, allow=None):
    """Softmax attention of (N, C) tokens, written out."""
    heads = attention.heads(tokens).permute(1, 2, 0, 3)
    query, key, value = heads
    scores = query @ key.transpose(1, 2) / query.size(-1) ** 0.5
    scores = scores + attention.position_bias(positions)
    if allow is not None:
        scores = scores.masked_fill(~allow, -torch.inf)
    mixed = scores.softmax(-1) @ value
    return attention.proj(mixed.transpose(0, 1).flatten(1))


def test_a_window_by_hand():
    attention = window_attention()
    x = torch.randn(2, 8, 8, 8)
    out = attend(attention, x, Windows((8, 8), 4))
    with torch.no_grad():
        wanted = by_hand(attention, x[1, 4:, :4].reshape(16, 8), None)
    torch.testing.assert_close(out[1, 4:, :4].reshape(16, 8), wanted)


def test_padding_is_seen_by_nobody():
    """The last windows of a 6 x 5 grid attend to their real tokens alone."""
    attention = window_attention()
    x = torch.randn(1, 6, 5, 8)
    out = attend(attention, x, Windows((6, 5), 4))
    with torch.no_grad():
        corner = by_hand(
            attention, x[0, 4:, 4:].reshape(2, 8), torch.tensor([0, 4])
        )
    torch.testing.assert_close(out[0, 4:, 4:].reshape(2, 8), corner)


@pytest.mark.parametrize('grid', [(4, 4), (2, 4)])
def test_sorted_and_masked_tokens_agree(grid):
    attention = window_attention()
    mask = random_mask(16 * grid[0], 16 * grid[1])
    groups = AttentionGroups(mask)
    x = torch.randn(3, *grid, 8)
    masked = attend(attention, x, Windows(grid, 4, groups=groups))
    order = groups.order(*grid)
    torch.testing.assert_close(
        attend(attention, x, SortedTokens(grid, 4, order)), masked
    )


def test_self_attention_meets_everybody():
    torch.manual_seed(0)
    attention = SelfAttention(8, 2)
    x = torch.randn(1, 5, 8)
    changed = x.clone()
    changed[0, 4] += 1
    moved = (attention(changed) - attention(x)).abs().sum(-1)[0]
    assert (moved > 0).all()


def test_heads_must_divide_dims():
    with pytest.raises(ValueError, match='embed_dims 8 .* num_heads 3'):
        SelfAttention(8, 3)


def layouts():
    """One of each kind, for a window of 4."""
    groups = AttentionGroups(random_mask(96, 80))
    small = AttentionGroups(random_mask(64, 64))
    order = small.order(4, 4)
    assert order is not None
    places = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    coords = 2 * places.view(1, 8, 8, 2) + torch.randint(2, (3, 8, 8, 2))
    return {
        'windows': Windows((8, 8), 4),
        'padded groups': Windows((6, 5), 4, groups=groups),
        'shifted': Windows((8, 8), 4, shift=2),
        'clamped': Windows((2, 4), 4),
        'visible padding': Windows((6, 5), 4, mask_padding=False),
        'sorted': SortedTokens((4, 4), 4, order),
        'gathered': Windows((8, 8), 4, shift=2, coords=coords.float()),
    }


@pytest.mark.parametrize('split', [False, True])
@pytest.mark.parametrize('name', layouts())
def test_recomputed_scores_change_nothing(monkeypatch, name, split):
    torch.manual_seed(0)
    monkeypatch.setattr(windows_module, '_MANY', 1 if split else 1000)
    monkeypatch.setattr(windows_module, '_MOST', 1)
    layout = layouts()[name]
    if layout.allow is not None and name != 'gathered':
        assert bool(layout.split) == split
    bias_dims = 8 if name == 'gathered' else None
    attention = WindowAttention(8, 2, 4, bias_dims=bias_dims).double()
    x = layout.partition(torch.randn(3, *layout.grid, 8).double())
    results = []
    for scores in ('kept', 'recomputed'):
        attention.scores = scores
        attention.zero_grad()
        tokens = x.clone().requires_grad_()
        out = attention(tokens, layout)
        out.square().sum().backward()
        grads = [p.grad for p in attention.parameters()]
        results.append([out, tokens.grad, *grads])
    for kept, recomputed in zip(*results, strict=True):
        torch.testing.assert_close(kept, recomputed, rtol=1e-10, atol=1e-10)


def test_scores_must_be_known():
    with pytest.raises(ValueError, match="scores must be one of.*'never'"):
        WindowAttention(8, 2, 4, scores='never')
