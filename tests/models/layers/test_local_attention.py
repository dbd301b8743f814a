import pytest
import torch

from mixmae.models.layers.local_attention import LocalAttention
from mixmae.models.layers.windows import SortedTokens, Windows
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def attention() -> LocalAttention:
    torch.manual_seed(0)
    return LocalAttention(8, 2).eval()


def attend(module, x, layout):
    with torch.no_grad():
        return layout.reverse(module(layout.partition(x), layout))


def by_hand(module, tokens, mask=None):
    """Softmax attention of (N, C) tokens, written out."""
    query, key, value = module.heads(tokens).permute(1, 2, 0, 3)
    scores = query @ key.transpose(1, 2) / 2
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return module.proj((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))


def test_a_window_by_hand():
    module = attention()
    x = torch.randn(2, 8, 8, 8)
    out = attend(module, x, Windows((8, 8), 4))
    with torch.no_grad():
        wanted = by_hand(module, x[1, 4:, :4].reshape(16, 8))
    torch.testing.assert_close(out[1, 4:, :4].reshape(16, 8), wanted)


@pytest.mark.parametrize('batch', [None, 2])
def test_a_masked_window_by_hand(batch):
    """Windows of 5 tokens cut cells of 4 and are padded."""
    module = attention()
    mask = random_mask(32, 32, batch)
    groups = AttentionGroups(mask)
    x = torch.randn(2, 8, 8, 8)
    out = attend(module, x, Windows((8, 8), 5, groups=groups))
    label = mask.on_grid(8, 8)[-1, 5:, :5].flatten()
    with torch.no_grad():
        tokens = x[1, 5:, :5].reshape(15, 8)
        wanted = by_hand(module, tokens, label[:, None] == label)
    torch.testing.assert_close(out[1, 5:, :5].reshape(15, 8), wanted)


def test_padding_that_is_attended_to_is_zero():
    module = attention()
    x = torch.randn(1, 6, 8, 8)
    out = attend(module, x, Windows((6, 8), 4, mask_padding=False))
    window = torch.zeros(4, 4, 8)
    window[:2] = x[0, 4:, :4]
    with torch.no_grad():
        wanted = by_hand(module, window.view(16, 8)).view(4, 4, 8)[:2]
    torch.testing.assert_close(out[0, 4:, :4], wanted)


def test_sorted_and_masked_tokens_agree():
    module = attention()
    groups = AttentionGroups(random_mask(64, 64))
    x = torch.randn(3, 4, 4, 8)
    order = groups.order(4, 4)
    torch.testing.assert_close(
        attend(module, x, SortedTokens((4, 4), 7, order)),
        attend(module, x, Windows((4, 4), 7, groups=groups)),
    )
