import pytest
import torch

from mixmae.registry import MODELS
from tests.contracts.mixing_contract import MixingContract
from tests.models.overriding import BackboneOverrides
from tests.models.parts import TINY, random_images, tiny_model


class TestMixing(MixingContract):
    def model(self, **changes):
        return tiny_model(**changes)


class TestMixingInSmallWindows(MixingContract):
    """Windows that cut cells, and grids that need padding."""

    def model(self, backbone=None, **changes):
        small = {'window_sizes': (5, 3, 7, 2), **(backbone or {})}
        return tiny_model(backbone=small, **changes)


class TestOverrides(BackboneOverrides):
    backbone = 'swin'


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build({**TINY, **changes}).eval()


@pytest.mark.parametrize('size', [(64, 64), (33, 70), (16, 16), (1, 5)])
def test_maps_of_any_size(size):
    """Each map has its stride, rounded up at every merging."""
    backbone = build(out_indices=(0, 1, 2, 3))
    maps = backbone(random_images(1, *size))
    grid = [-(-side // 2) for side in size]
    for i, features in enumerate(maps):
        assert features.shape == (1, 8 << i, *grid)
        assert features.isfinite().all()
        grid = [-(-side // 2) for side in grid]


def test_last_map_is_the_encoding():
    backbone = build()
    images = random_images()
    (features,) = backbone(images)
    latent = backbone.encode(backbone.embed(images))
    assert torch.equal(features, latent.permute(0, 3, 1, 2))


def test_extra_outputs_add_their_norms_only():
    plain, extra = build().state_dict(), build(out_indices=(1, 3)).state_dict()
    assert extra.keys() - plain.keys() == {'norm1.weight', 'norm1.bias'}
    assert not plain.keys() - extra.keys()


def test_no_frozen_table_is_saved():
    names = build().state_dict()
    assert not [name for name in names if 'positions' in name]
    assert not [name for name in names if name.endswith('index')]


def test_visible_padding_changes_the_maps():
    """A grid of 5 x 5 in windows of 4: the outer windows are padded."""
    images = random_images(1, 10, 10)
    window = {'window_sizes': (4, 4, 4, 4)}
    masked = build(**window)
    seen = build(mask_padding=False, **window)
    assert not torch.allclose(masked(images)[0], seen(images)[0])


@pytest.mark.parametrize('alias', ['b', 'swin-b', 'mixmim-b', 'Base', 'base'])
def test_aliases(alias):
    with torch.device('meta'):
        backbone = MODELS.build({'type': 'MIMSwin', 'arch': alias})
    assert backbone.num_features == [128, 256, 512, 1024]
    assert [len(stage.blocks) for stage in backbone.stages] == [2, 2, 18, 2]


def test_drop_path_rises_linearly_over_all_blocks():
    backbone = build(drop_path_rate=0.4)
    rates = [b.drop_path.rate for s in backbone.stages for b in s.blocks]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_shift_connects_windows():
    """Without shift no pixel acts beyond its window in stage 1."""
    images = random_images(1, 64, 64)
    changed = images.clone()
    changed[..., 0, 0] += 1
    reach = {}
    for shift in (False, True):
        settings = {
            'arch': {'embed_dims': 8, 'depths': (3,), 'num_heads': (1,)},
            'window_sizes': (8,),
        }
        backbone = build(shift=shift, **settings)
        change = (backbone(images)[0] - backbone(changed)[0]).abs().sum(1)[0]
        reach[shift] = change.nonzero().max().item() + 1
    assert reach[False] == 8
    assert reach[True] > 8


def test_no_positions():
    images = random_images(1)
    with_positions, without = build(), build(absolute_positions=False)
    without.load_state_dict(with_positions.state_dict())
    assert without.positions is None
    assert not torch.allclose(without(images)[0], with_positions(images)[0])
    with_positions.positions.table.zero_()
    assert torch.equal(without(images)[0], with_positions(images)[0])


def test_log_coordinate_weights_fit_every_window():
    """Log-coordinate biases have no table that would be resized."""
    log = {'position_bias': 'log_coordinates', 'absolute_positions': False}
    small = build(window_sizes=(4, 4, 4, 4), **log)
    large = build(window_sizes=(8, 8, 8, 8), **log)
    large.load_state_dict(small.state_dict(), strict=True)
    assert small.checked_hyperparameters['window_sizes'] == (4, 4, 4, 4)
    images = random_images(1, 8, 8)
    torch.testing.assert_close(small(images)[0], large(images)[0])


def test_coords_of_a_dense_grid_change_nothing():
    """Biases by coordinates equal biases by places in a window."""
    backbone = build(
        position_bias='log_coordinates',
        absolute_positions=False,
        merging='conv',
        shift=True,
        window_sizes=(4, 4, 4, 4),
    )
    tokens = backbone.embed(random_images(2, 64, 96))
    axes = [torch.arange(float(n)) for n in (32, 48)]
    coords = torch.stack(torch.meshgrid(*axes, indexing='ij'), dim=-1)
    torch.testing.assert_close(
        backbone.encode(tokens, coords=coords.expand(2, -1, -1, -1)),
        backbone.encode(tokens),
    )


def test_a_table_takes_no_coords():
    backbone = build()
    assert not backbone.takes_coords
    with pytest.raises(ValueError, match='bias table .*log_coordinates'):
        backbone.encode(torch.zeros(1, 8, 8, 8), coords=torch.zeros(1))


def test_no_output_norms():
    plain, bare = build(), build(output_norms=False)
    missing = plain.state_dict().keys() - bare.state_dict().keys()
    assert missing == {'norm3.weight', 'norm3.bias'}
    bare.load_state_dict(plain.state_dict(), strict=False)
    images = random_images(1)
    normed = plain.norm3(bare(images)[0].permute(0, 2, 3, 1))
    assert torch.equal(plain(images)[0], normed.permute(0, 3, 1, 2))


def test_blocks_may_have_their_own_epsilon():
    backbone = build(merging='conv', norm_eps=1e-6, block_norm_eps=1e-4)
    for name, part in backbone.named_modules():
        if isinstance(part, torch.nn.LayerNorm):
            assert part.eps == (1e-4 if 'blocks' in name else 1e-6), name
    assert {
        p.eps for p in build(norm_eps=1e-3).modules() if hasattr(p, 'eps')
    } == {1e-3}


def test_init_weights_is_xavier_and_keeps_the_patch_embedding():
    backbone = build()
    patches = backbone.patch_embed.proj.weight.clone()
    backbone.init_weights()
    assert torch.equal(backbone.patch_embed.proj.weight, patches)
    linear = backbone.stages[2].blocks[0].mlp.fc1
    assert not linear.bias.any()
    bound = (6 / (linear.in_features + linear.out_features)) ** 0.5
    assert linear.weight.abs().max() <= bound
    spread = linear.weight.std().item()
    assert spread == pytest.approx(bound / 3**0.5, rel=0.05)


def test_um_mae_convolutions_have_fan_out_variance():
    arch = dict(TINY['arch'], embed_dims=64)
    backbone = build(
        arch=arch, position_bias='log_coordinates', merging='conv'
    )
    backbone.init_weights()
    stage = backbone.stages[2]
    bias = stage.blocks[0].attn.position_bias
    merging = stage.downsample.proj
    for part, fan_out in ((merging, 4 * 256), (bias.fc1, 32), (bias.fc2, 2)):
        spread = part.weight.std().item()
        tolerance = 4 / (2 * part.weight.numel()) ** 0.5
        assert spread == pytest.approx((2 / fan_out) ** 0.5, rel=tolerance)
        assert not part.bias.any()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'arch': 'giant'}, "unknown arch 'giant'"),
        ({'arch': {'embed_dims': 8}}, r"got \['embed_dims'\]"),
        (
            {'arch': dict(TINY['arch'], num_heads=(1, 2, 3, 4))},
            'embed_dims 32 .* num_heads 3',
        ),
        (
            {'arch': dict(TINY['arch'], num_heads=(1, 2))},
            'one entry per stage',
        ),
        ({'arch': dict(TINY['arch'], embed_dims=6)}, 'multiple of 4'),
        ({'window_sizes': (8, 8, 8, 0)}, r'\(8, 8, 8, 0\)'),
        ({'window_sizes': (8, 8)}, 'each of the 4 stages'),
        ({'window_sizes': 8}, 'window_sizes 8 .* each of the 4 stages'),
        ({'patch_size': 0}, 'patch_size must be positive'),
        ({'out_indices': (0, 4)}, r'\(0, 4\) .* 0 to 3'),
        ({'out_indices': ()}, 'different stages'),
        ({'position_resize': 'linear'}, 'got linear'),
        ({'position_bias': 'mlp'}, "log_coordinates'], got 'mlp'"),
        ({'merging': 'mean'}, "'conv'], got 'mean'"),
        ({'drop_path_rate': 1.0}, r'\[0, 1\), got 1.0'),
        ({'drop_path_rate': 1.5}, r'\[0, 1\), got 1.5'),
        ({'drop_path_rate': -0.5}, r'\[0, 1\), got -0.5'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_encoding_needs_the_last_stage():
    backbone = build(out_indices=(0, 1))
    with pytest.raises(ValueError, match='ends in stage 3'):
        backbone.encode(torch.zeros(1, 8, 8, 8))


def test_config_is_read_only():
    arch = {'embed_dims': 8, 'depths': [1, 1], 'num_heads': [1, 2]}
    config = {'type': 'MIMSwin', 'arch': arch, 'window_sizes': [4, 4]}
    before = repr(config)
    MODELS.build(config)
    assert repr(config) == before
