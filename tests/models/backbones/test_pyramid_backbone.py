import pytest
from torch import nn

from mixmae.models.backbones.mim_pvt import PVT_ARCHS
from mixmae.models.backbones.mim_twins import TWINS_ARCHS
from mixmae.models.backbones.pyramid_backbone import (
    checked_arch,
    keys_cross_cells,
    named_arch,
)
from mixmae.models.layers.transformer_block import init_fan_out

FIELDS = {
    'embed_dims': [8, 16],
    'depths': [1, 2],
    'num_heads': [1, 2],
    'mlp_ratios': [4, 4],
}


@pytest.mark.parametrize(
    ('name', 'archs', 'family', 'wanted'),
    [
        ('S', PVT_ARCHS, 'pvt', PVT_ARCHS['small']),
        ('pvt-m', PVT_ARCHS, 'pvt', PVT_ARCHS['medium']),
        ('Twins-SVT-Small', TWINS_ARCHS, 'twins', TWINS_ARCHS['svt-small']),
        ('svt-l', TWINS_ARCHS, 'twins', TWINS_ARCHS['svt-large']),
        ('pcpvt-b', TWINS_ARCHS, 'twins', TWINS_ARCHS['pcpvt-base']),
    ],
)
def test_names(name, archs, family, wanted):
    assert named_arch(name, archs, family) is wanted


@pytest.mark.parametrize('name', ['', 'pvt-', 'x', 'svt-', 'svt'])
def test_unknown_names(name):
    for archs, family in ((PVT_ARCHS, 'pvt'), (TWINS_ARCHS, 'twins')):
        with pytest.raises(ValueError, match=f'unknown arch .* of {family}'):
            named_arch(name, archs, family)


def test_heads_of_named_archs_divide_their_channels():
    for arch in (*PVT_ARCHS.values(), *TWINS_ARCHS.values()):
        for dims, heads in zip(arch.embed_dims, arch.num_heads, strict=True):
            assert dims % heads == 0


def test_a_dict_of_lists():
    assert checked_arch(FIELDS).depths == (1, 2)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'depths': [1]}, 'one entry per stage'),
        ({'depths': [1, 0]}, 'at least 1'),
        ({'window': [7, 7]}, r"got \[.*'window'\]"),
    ],
)
def test_bad_dicts(changes, message):
    with pytest.raises(ValueError, match=message):
        checked_arch({**FIELDS, **changes})


@pytest.mark.parametrize(
    'ratios', [(8, 4, 2, 1), (4, 2, 1, 1), (1, 1, 1, 1), (4, 2, 1)]
)
def test_keys_within_cells(ratios):
    assert not keys_cross_cells(ratios)


@pytest.mark.parametrize('ratios', [(16, 4, 2, 1), (8, 4, 2, 2), (6, 4, 2, 1)])
def test_keys_across_cells(ratios):
    assert 'must divide (8, 4, 2, 1)' in keys_cross_cells(ratios)


def test_fan_out_of_depthwise_convolutions():
    """Each channel has a fan-out of 9, for any number of channels."""
    conv = nn.Conv2d(256, 256, 3, groups=256)
    init_fan_out(conv)
    assert conv.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert not conv.bias.any()
