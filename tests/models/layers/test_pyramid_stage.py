import pytest
import torch
from torch.nn import functional as F

from mixmae.models.layers.pyramid_stage import PositionConv
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def plain(module, x):
    """Convolve a whole grid (B, H, W, C) and add the result to it."""
    grid = x.permute(0, 3, 1, 2)
    out = F.conv2d(grid, module.weight, module.bias, padding=1, groups=6)
    return x + out.permute(0, 2, 3, 1)


@pytest.fixture
def module():
    torch.manual_seed(0)
    return PositionConv(6).requires_grad_(False)


def test_without_groups_it_is_a_depthwise_convolution(module):
    x = torch.randn(2, 5, 7, 6)
    torch.testing.assert_close(module(x), plain(module, x))


@pytest.mark.parametrize('batch', [None, 3])
def test_each_group_is_convolved_as_if_alone(module, batch):
    mask = random_mask(32, 48, batch)
    x = torch.randn(3, 8, 12, 6)
    hidden = mask.on_grid(8, 12)[..., None].expand_as(x)
    found = module(x, AttentionGroups(mask))
    for group in (hidden, ~hidden):
        alone = plain(module, x * group)
        torch.testing.assert_close(found[group], alone[group])
    assert not torch.allclose(found, plain(module, x))


def test_one_group_never_sees_the_other(module):
    mask = random_mask(32, 48)
    groups = AttentionGroups(mask)
    x = torch.randn(2, 8, 12, 6)
    hidden = mask.on_grid(8, 12)[..., None]
    changed = module(x + hidden * torch.randn_like(x), groups)
    seen = ~hidden.expand_as(x)
    assert torch.equal(changed[seen], module(x, groups)[seen])
