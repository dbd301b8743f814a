import pytest
import torch

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


def by_hand(attention, tokens, positions, mask=None):
    """Softmax attention of (N, C) tokens, written out."""
    heads = attention.heads(tokens).permute(1, 2, 0, 3)
    query, key, value = heads
    scores = query @ key.transpose(1, 2) / query.size(-1) ** 0.5
    scores = scores + attention.position_bias(positions)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    mixed = scores.softmax(-1) @ value
    return attention.proj(mixed.transpose(0, 1).flatten(1))


def test_a_window_by_hand():
    attention = window_attention()
    x = torch.randn(2, 8, 8, 8)
    out = attend(attention, x, Windows((8, 8), 4))
    with torch.no_grad():
        wanted = by_hand(attention, x[1, 4:, :4].reshape(16, 8), None)
    torch.testing.assert_close(out[1, 4:, :4].reshape(16, 8), wanted)


def test_nothing_attends_to_padding():
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


def test_self_attention_is_over_all_tokens():
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


def test_scores_must_be_known():
    with pytest.raises(ValueError, match="scores must be one of.*'never'"):
        WindowAttention(8, 2, 4, scores='never')
