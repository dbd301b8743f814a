import pytest
import torch

from mixmae.models.layers.attention import (
    LocalAttention,
    SelfAttention,
    WindowAttention,
)
from mixmae.models.layers.attention_layout import SortedTokens, Windows
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def window_attention(window: int = 4) -> WindowAttention:
    torch.manual_seed(0)
    return WindowAttention(8, 2, window).eval()


def local_attention() -> LocalAttention:
    torch.manual_seed(0)
    return LocalAttention(8, 2).eval()


def attend(attention, x, layout):
    with torch.no_grad():
        return layout.reverse(attention(layout.partition(x), layout))


def by_hand(module, tokens, positions=None, mask=None):
    """Softmax attention of (N, C) tokens, written out."""
    query, key, value = module.heads(tokens).permute(1, 2, 0, 3)
    scores = query @ key.transpose(1, 2) / query.size(-1) ** 0.5
    if isinstance(module, WindowAttention):
        scores = scores + module.position_bias(positions)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return module.proj((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))


BOTH = pytest.mark.parametrize(
    'attention', [window_attention(), local_attention()], ids=['bias', 'none']
)


@BOTH
def test_a_window_by_hand(attention):
    x = torch.randn(2, 8, 8, 8)
    out = attend(attention, x, Windows((8, 8), 4))
    with torch.no_grad():
        wanted = by_hand(attention, x[1, 4:, :4].reshape(16, 8))
    torch.testing.assert_close(out[1, 4:, :4].reshape(16, 8), wanted)


def test_nothing_attends_to_padding():
    """Padded windows of a 6 x 5 grid attend to real tokens only."""
    attention = window_attention()
    x = torch.randn(1, 6, 5, 8)
    out = attend(attention, x, Windows((6, 5), 4))
    with torch.no_grad():
        corner = by_hand(
            attention, x[0, 4:, 4:].reshape(2, 8), torch.tensor([0, 4])
        )
    torch.testing.assert_close(out[0, 4:, 4:].reshape(2, 8), corner)


@pytest.mark.parametrize('batch', [None, 2])
def test_a_masked_window_by_hand(batch):
    """Windows of 5 tokens cut cells of 4 and are padded."""
    attention = local_attention()
    mask = random_mask(32, 32, batch)
    groups = AttentionGroups(mask)
    x = torch.randn(2, 8, 8, 8)
    out = attend(attention, x, Windows((8, 8), 5, groups=groups))
    label = mask.on_grid(8, 8)[-1, 5:, :5].flatten()
    with torch.no_grad():
        tokens = x[1, 5:, :5].reshape(15, 8)
        wanted = by_hand(attention, tokens, mask=label[:, None] == label)
    torch.testing.assert_close(out[1, 5:, :5].reshape(15, 8), wanted)


def test_visible_padding_is_zero():
    attention = local_attention()
    x = torch.randn(1, 6, 8, 8)
    out = attend(attention, x, Windows((6, 8), 4, mask_padding=False))
    window = torch.zeros(4, 4, 8)
    window[:2] = x[0, 4:, :4]
    with torch.no_grad():
        wanted = by_hand(attention, window.view(16, 8)).view(4, 4, 8)[:2]
    torch.testing.assert_close(out[0, 4:, :4], wanted)


@BOTH
@pytest.mark.parametrize('grid', [(4, 4), (2, 4)])
def test_sorted_and_masked_tokens_agree(attention, grid):
    groups = AttentionGroups(random_mask(16 * grid[0], 16 * grid[1]))
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
