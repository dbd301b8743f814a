import pytest
import torch

from mixmae.models.layers.key_cells import KeyCells
from mixmae.models.layers.reduced_attention import ReducedAttention
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def attention(side: int, reduction: str = 'conv') -> ReducedAttention:
    torch.manual_seed(0)
    return ReducedAttention(8, 2, side, reduction).eval()


def attend(module, x, cells):
    with torch.no_grad():
        return cells.reverse(module(cells.partition(x), cells))


def by_hand(module, queries, keys):
    """Softmax attention of (N, C) tokens to (M, C) keys, written out."""
    query, (key, value) = module.q(queries), module.kv(keys).chunk(2, -1)
    out = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = query[:, head] @ key[:, head].T / 2
        out.append(scores.softmax(-1) @ value[:, head])
    return module.proj(torch.cat(out, -1))


@pytest.mark.parametrize(
    ('side', 'reduction'), [(2, 'conv'), (1, 'conv'), (2, 'pool'), (1, 'pool')]
)
def test_by_hand(side, reduction):
    module = attention(side, reduction)
    cells = KeyCells((4, 6), side)
    x = torch.randn(1, 4, 6, 8)
    with torch.no_grad():
        keys = x.flatten(1, 2)
        if module.reduction is not None:
            keys = module.reduction(cells.partition(x))
        wanted = by_hand(module, x.flatten(1, 2)[0], keys[0])
    found = attend(module, x, cells).flatten(1, 2)[0]
    torch.testing.assert_close(found, wanted)


def test_only_a_reduction_that_reduces_has_weights():
    assert attention(1).reduction is None
    assert attention(1, 'pool').reduction is not None


@pytest.mark.parametrize('side', [1, 2])
def test_sorted_and_masked_tokens_agree(side):
    module = attention(side)
    groups = AttentionGroups(random_mask(32, 48))
    x = torch.randn(3, 8, 12, 8)
    found, wanted = (
        attend(module, x, KeyCells((8, 12), side, groups, sort))
        for sort in (True, False)
    )
    torch.testing.assert_close(found, wanted)


def test_tokens_attend_to_keys_of_their_group():
    module = attention(2)
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    x = torch.randn(2, 8, 12, 8)
    hidden = mask.on_grid(8, 12)[..., None]
    changed = x + hidden * torch.randn_like(x)
    moved = [
        (attend(module, x, cells) - attend(module, changed, cells)).abs()
        for cells in (KeyCells((8, 12), 2, groups), KeyCells((8, 12), 2))
    ]
    seen = ~hidden.expand_as(x)
    assert not moved[0][seen].any()
    assert moved[1][seen].all()


def test_heads_must_divide_dims():
    with pytest.raises(ValueError, match='embed_dims 8 .* num_heads 3'):
        ReducedAttention(8, 3, 2)
