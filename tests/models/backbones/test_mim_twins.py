import pytest
import torch

from mixmae.models.layers.attention import LocalAttention
from mixmae.models.layers.pyramid_stage import PositionConv
from mixmae.models.layers.reduced_attention import ReducedAttention
from mixmae.registry import MODELS
from tests.contracts.mixing_contract import MixingContract
from tests.models.overriding import BackboneOverrides
from tests.models.parts import TINY_TWINS, random_images, tiny_model


class TestMixing(MixingContract):
    """SVT; windows of 7 cut cells in two stages and cover the others."""

    positions_promote = False

    def model(self, **changes):
        return tiny_model(tiny=TINY_TWINS, **changes)


class TestMixingWithoutWindows(MixingContract):
    """PCPVT."""

    positions_promote = False

    def model(self, backbone=None, **changes):
        other = {'window_size': None, **(backbone or {})}
        return tiny_model(other, tiny=TINY_TWINS, **changes)


class TestOverrides(BackboneOverrides):
    backbone = 'svt'


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build({**TINY_TWINS, **changes}).eval()


@pytest.mark.parametrize('window', [7, None])
@pytest.mark.parametrize('size', [(64, 64), (33, 70), (1, 5)])
def test_maps_of_any_size(size, window):
    backbone = build(out_indices=(0, 1, 2, 3), window_size=window)
    maps = backbone(random_images(1, *size))
    grid = [-(-side // 2) for side in size]
    for features, dims in zip(maps, (8, 16, 24, 64), strict=True):
        assert features.shape == (1, dims, *grid)
        assert features.isfinite().all()
        grid = [-(-side // 2) for side in grid]


def test_a_convolution_across_groups_fails_the_contract(monkeypatch):
    """Control: a plain convolution leaks hidden pixels."""
    plain = PositionConv.forward
    monkeypatch.setattr(
        PositionConv, 'forward', lambda self, x, groups: plain(self, x)
    )
    with pytest.raises(AssertionError):
        TestMixing().test_hidden_pixels_never_reach_their_own_prediction()


def test_named_archs():
    with torch.device('meta'):
        svt = MODELS.build({'type': 'MIMTwins', 'arch': 'svt-b'})
        pcpvt = MODELS.build({'type': 'MIMTwins', 'arch': 'Twins-PCPVT-small'})
    assert svt.num_features == [96, 192, 384, 768]
    assert pcpvt.num_features == [64, 128, 320, 512]
    kinds = [
        [type(block.attn) for block in backbone.stages[2].blocks[:2]]
        for backbone in (svt, pcpvt)
    ]
    assert kinds == [
        [LocalAttention, ReducedAttention],
        [ReducedAttention] * 2,
    ]


def test_positions_belong_to_the_stage():
    backbone = build()
    name = 'stages.1.position_conv.weight'
    assert name in dict(backbone.named_parameters())
    assert backbone.get_layer_depth(name) == (2, 9)


def test_visible_padding_changes_the_maps():
    """32 x 32 tokens in windows of 7."""
    images = random_images(1)
    masked, seen = build(), build(mask_padding=False)
    assert not torch.allclose(masked(images)[0], seen(images)[0])


def test_gathered_tokens_are_refused():
    backbone = build()
    assert not backbone.takes_coords
    assert 'neighbouring tokens' in backbone.unsupported['takes_coords']


def test_keys_of_several_cells_are_refused_by_the_mixer():
    with pytest.raises(ValueError, match=r'must divide \(8, 4, 2, 1\)'):
        tiny_model({'sr_ratios': (8, 8, 2, 1)}, tiny=TINY_TWINS)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'arch': 'small'}, "unknown arch 'small' of twins"),
        ({'window_size': 0}, 'window_size .* got 0'),
        ({'patch_size': 0}, 'patch_size must be positive'),
        ({'sr_ratios': (8, 4)}, 'each of the 4 stages'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)
