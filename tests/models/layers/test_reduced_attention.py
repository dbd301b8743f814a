import pytest
import torch
from torch.nn import functional as F

from mixmae.models.layers.reduced_attention import (
    KeyRegions,
    ReducedAttention,
    SpatialReduction,
)
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def reduction(*arguments) -> SpatialReduction:
    torch.manual_seed(0)
    return SpatialReduction(6, *arguments).double().eval()


def reduced(module, x, regions):
    with torch.no_grad():
        return module(regions.partition(x), regions.padding)


def maps(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


@pytest.mark.parametrize('grid', [(8, 12), (7, 9)])
def test_conv_is_a_convolution_of_the_padded_grid(grid):
    module = reduction(4)
    x = torch.randn(2, *grid, 6).double()
    padded = F.pad(x, (0, 0, 0, -grid[1] % 4, 0, -grid[0] % 4))
    with torch.no_grad():
        wanted = module.norm(module.proj(maps(padded)).permute(0, 2, 3, 1))
    found = reduced(module, x, KeyRegions(grid, 4))
    torch.testing.assert_close(found, wanted.flatten(1, 2))


@pytest.mark.parametrize('grid', [(8, 12), (7, 9)])
def test_pool_is_the_mean_of_real_tokens(grid):
    module = reduction(4, 'pool')
    x = torch.randn(2, *grid, 6).double()
    with torch.no_grad():
        means = F.avg_pool2d(maps(x), 4, ceil_mode=True)
        wanted = module.norm(module.proj(means).permute(0, 2, 3, 1))
    found = reduced(module, x, KeyRegions(grid, 4))
    torch.testing.assert_close(found, wanted.flatten(1, 2))


def test_pool_has_the_same_weights_at_any_side():
    reduction(8, 'pool').load_state_dict(reduction(2, 'pool').state_dict())


def test_bad_arguments():
    with pytest.raises(ValueError, match="got 'max'"):
        SpatialReduction(6, 2, 'max')
    with pytest.raises(ValueError, match='at least 1 token, got 0'):
        SpatialReduction(6, 0)


def numbered(*grid: int) -> torch.Tensor:
    return torch.arange(grid[0] * grid[1]).view(1, *grid, 1)


def test_regions_in_raster_order():
    regions = KeyRegions((4, 6), 2)
    tokens = regions.partition(numbered(4, 6))[0, ..., 0]
    assert regions.segments == (6,)
    assert tokens[0].tolist() == [0, 1, 6, 7]
    assert tokens[4].tolist() == [14, 15, 20, 21]


@pytest.mark.parametrize('sort', [True, False])
@pytest.mark.parametrize('side', [1, 2, 4])
def test_reverse_undoes_partition(side, sort):
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    regions = KeyRegions((8, 12), side, groups, sort)
    x = torch.randn(3, 8, 12, 5)
    assert torch.equal(regions.reverse(regions.partition(x)), x)


def test_sorted_segments_hold_one_group_each():
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    regions = KeyRegions((8, 12), 2, groups)
    labels = regions.partition(groups.labels(8, 12)[..., None])
    visible, hidden = labels.split(regions.segments, dim=1)
    assert hidden.all()
    assert not visible.any()
    assert regions.attention_mask is None


@pytest.mark.parametrize('batch', [None, 3])
def test_attention_mask_of_unsorted_regions(batch):
    mask = random_mask(32, 48, batch)
    groups = AttentionGroups(mask)
    regions = KeyRegions((8, 12), 2, groups, sort_groups=False)
    labels = regions.partition(groups.labels(8, 12)[..., None])
    keys = labels[:, :, 0, 0]
    queries = labels[..., 0].flatten(1)
    wanted = queries[:, :, None] == keys[:, None, :]
    assert torch.equal(regions.attention_mask[:, 0], wanted)
    assert regions.attention_mask.shape == (batch or 1, 1, 96, 24)


def test_masks_per_image_are_never_sorted():
    groups = AttentionGroups(random_mask(32, 48, 3))
    assert KeyRegions((8, 12), 2, groups).attention_mask is not None


def test_each_region_of_a_padded_grid_has_a_real_token():
    regions = KeyRegions((5, 7), 4)
    assert regions.segments == (4,)
    assert (~regions.padding).sum() == 35
    assert (~regions.padding).any(2).all()
    x = torch.randn(2, 5, 7, 3)
    tokens = regions.partition(x)
    assert not tokens[regions.padding.expand_as(tokens)].any()
    assert torch.equal(regions.reverse(tokens), x)


def test_keys_must_not_cross_mask_cells():
    """Keys of 4 x 4 tokens would mix mask cells of 2 x 2 tokens."""
    groups = AttentionGroups(random_mask(64, 64))
    with pytest.raises(ValueError, match='4x4 cells .* 2x2 tokens'):
        KeyRegions((8, 8), 4, groups)


def attention(side: int, reduction: str = 'conv') -> ReducedAttention:
    torch.manual_seed(0)
    return ReducedAttention(8, 2, side, reduction).eval()


def attend(module, x, regions):
    with torch.no_grad():
        return regions.reverse(module(regions.partition(x), regions))


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
    regions = KeyRegions((4, 6), side)
    x = torch.randn(1, 4, 6, 8)
    with torch.no_grad():
        keys = x.flatten(1, 2)
        if module.reduction is not None:
            keys = module.reduction(regions.partition(x))
        wanted = by_hand(module, x.flatten(1, 2)[0], keys[0])
    found = attend(module, x, regions).flatten(1, 2)[0]
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
        attend(module, x, KeyRegions((8, 12), side, groups, sort))
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
        (attend(module, x, regions) - attend(module, changed, regions)).abs()
        for regions in (KeyRegions((8, 12), 2, groups), KeyRegions((8, 12), 2))
    ]
    seen = ~hidden.expand_as(x)
    assert not moved[0][seen].any()
    assert moved[1][seen].all()


def test_heads_must_divide_dims():
    with pytest.raises(ValueError, match='embed_dims 8 .* num_heads 3'):
        ReducedAttention(8, 3, 2)
