import pytest
from torch import nn

from mixmae.models.backbones.pyramid_stages import (
    init_convolutions,
    keys_cross_cells,
)


@pytest.mark.parametrize(
    'ratios', [(8, 4, 2, 1), (4, 2, 1, 1), (1, 1, 1, 1), (4, 2, 1)]
)
def test_keys_within_cells(ratios):
    assert not keys_cross_cells(ratios)


@pytest.mark.parametrize('ratios', [(16, 4, 2, 1), (8, 4, 2, 2), (6, 4, 2, 1)])
def test_keys_across_cells(ratios):
    assert 'must divide (8, 4, 2, 1)' in keys_cross_cells(ratios)


def test_depthwise_convolutions_have_a_fan_out_of_their_own():
    """9 weights go out of each channel, however many channels there are."""
    conv = nn.Conv2d(256, 256, 3, groups=256)
    init_convolutions(conv)
    assert conv.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert not conv.bias.any()
