import pytest
import torch

from mixmae.registry import MODELS
from tests.contracts.mixing_contract import MixingContract
from tests.models.overriding import BackboneOverrides
from tests.models.parts import TINY_PVT, random_images, tiny_model


class TestMixing(MixingContract):
    def model(self, **changes):
        return tiny_model(tiny=TINY_PVT, **changes)


class TestMixingOfTheOtherFlavour(MixingContract):
    """UM-MAE's spatial reduction, with keys smaller than a cell."""

    def model(self, backbone=None, **changes):
        other = {
            'reduction': 'pool',
            'patch_norm': False,
            'sr_ratios': (4, 2, 1, 1),
            'positions': 'learned',
        }
        return tiny_model(
            {**other, **(backbone or {})}, tiny=TINY_PVT, **changes
        )


class TestOverrides(BackboneOverrides):
    backbone = 'pvt'


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build({**TINY_PVT, **changes}).eval()


UM_MAE = {'reduction': 'pool', 'patch_norm': False, 'patch_norm_eps': 1e-6}


@pytest.mark.parametrize('flavour', [{}, UM_MAE, {'positions': 'per_stage'}])
@pytest.mark.parametrize('size', [(64, 64), (33, 70), (1, 5)])
def test_maps_of_any_size(size, flavour):
    """Each map has its stride, rounded up at every merging."""
    backbone = build(out_indices=(0, 1, 2, 3), **flavour)
    maps = backbone(random_images(1, *size))
    grid = [-(-side // 2) for side in size]
    for features, dims in zip(maps, (8, 16, 24, 64), strict=True):
        assert features.shape == (1, dims, *grid)
        assert features.isfinite().all()
        grid = [-(-side // 2) for side in grid]


def test_other_key_regions_take_the_same_pooling_weights():
    """4, 2, 1, 1 on UM-MAE's compact grid, 8, 4, 2, 1 on a full one."""
    pretrained = build(sr_ratios=(4, 2, 1, 1), **UM_MAE)
    downstream = build(**UM_MAE)
    downstream.load_state_dict(pretrained.state_dict(), strict=True)
    images = random_images(1)
    assert not torch.allclose(downstream(images)[0], pretrained(images)[0])


def test_published_pvt_has_no_reduction_in_the_last_stage():
    names = build().state_dict()
    assert 'stages.2.blocks.0.attn.reduction.proj.weight' in names
    assert 'stages.3.blocks.0.attn.reduction.proj.weight' not in names
    assert 'stages.3.downsample.norm.weight' in names


def test_um_mae_reduces_in_every_stage_without_patch_norm():
    names = build(**UM_MAE).state_dict()
    assert 'stages.3.blocks.0.attn.reduction.proj.weight' in names
    assert not [name for name in names if 'downsample.norm' in name]
    assert 'patch_embed.norm.weight' not in names


def test_learned_positions_start_as_the_frozen_ones():
    frozen = build()
    learned = build(positions='learned')
    learned.load_state_dict(frozen.state_dict(), strict=False)
    images = random_images(1)
    assert torch.equal(learned(images)[0], frozen(images)[0])
    assert learned.positions.table.requires_grad
    assert 'positions.table' not in frozen.state_dict()


def test_gathered_tokens_keep_their_positions():
    """Positions follow the coordinates in any order of tokens."""
    backbone = build(img_size=128)
    tokens = backbone.embed(random_images(1, 64, 64))
    coords = torch.stack(
        torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing='ij'),
        -1,
    )[None]
    here = backbone.encode(tokens, coords=coords)
    there = backbone.encode(tokens, coords=coords + 32)
    assert torch.equal(build().encode(tokens, coords=coords), here)
    assert not torch.allclose(here, there)


def test_each_stage_has_its_own_published_positions():
    backbone = build(positions='per_stage', img_size=(64, 80))
    shapes = [backbone.positions.table.shape]
    shapes += [stage.positions.table.shape for stage in backbone.stages[1:]]
    wanted = [(32, 40, 8), (16, 20, 16), (8, 10, 24), (4, 5, 64)]
    assert [tuple(shape) for shape in shapes] == wanted
    assert backbone.stages[0].positions is None


def test_drop_path_rises_linearly_over_all_blocks():
    backbone = build(drop_path_rate=0.6)
    rates = [b.drop_path.rate for s in backbone.stages for b in s.blocks]
    wanted = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert rates == pytest.approx(wanted)


def test_positions_freeze_with_the_patch_embedding():
    backbone = build(positions='learned', frozen_stages=1)
    frozen = {
        name.split('.')[0] + name.split('.')[1] * ('stages' in name)
        for name, parameter in backbone.named_parameters()
        if not parameter.requires_grad
    }
    assert frozen == {'patch_embed', 'positions', 'stages0'}


@pytest.mark.parametrize(
    ('name', 'layer'),
    [
        ('patch_embed.proj.weight', 0),
        ('positions.table', 0),
        ('stages.0.blocks.0.attn.q.weight', 1),
        ('stages.1.positions.table', 2),
        ('stages.1.downsample.proj.weight', 2),
        ('stages.1.blocks.1.attn.reduction.proj.weight', 3),
        ('stages.3.blocks.0.mlp.fc1.bias', 7),
        ('norm3.weight', 8),
    ],
)
def test_layer_depth(name, layer):
    backbone = build(positions='per_stage')
    assert name in dict(backbone.named_parameters())
    assert backbone.get_layer_depth(f'backbone.{name}', 'backbone.') == (
        layer,
        9,
    )


def test_init_weights():
    """Xavier for linear layers, fan-out variance for convolutions."""
    backbone = build()
    backbone.init_weights()
    conv = backbone.stages[0].blocks[0].attn.reduction.proj
    std = (2 / (8 * 64)) ** 0.5
    assert conv.weight.std().item() == pytest.approx(std, rel=0.05)
    assert not conv.bias.any()
    assert not backbone.patch_embed.proj.bias.any()
    linear = backbone.stages[3].blocks[0].mlp.fc1
    bound = (6 / (linear.in_features + linear.out_features)) ** 0.5
    assert linear.weight.abs().max() <= bound
    spread = linear.weight.std().item()
    assert spread == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize('alias', ['s', 'small', 'pvt-s', 'PVT-Small'])
def test_aliases(alias):
    with torch.device('meta'):
        backbone = MODELS.build({'type': 'MIMPVT', 'arch': alias})
    assert backbone.num_features == [64, 128, 320, 512]
    assert backbone.depths == [3, 4, 6, 3]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'arch': 'giant'}, "unknown arch 'giant' of pvt"),
        ({'arch': 'v2-b2'}, 'PVTv2 embeds overlapping patches'),
        ({'arch': 'pvtv2_b2'}, 'hidden pixels would be seen'),
        ({'arch': {'embed_dims': (8,)}}, r"got \['embed_dims'\]"),
        (
            {'arch': dict(TINY_PVT['arch'], num_heads=(1, 2, 5, 4))},
            'embed_dims 24 .* num_heads 5',
        ),
        (
            {'arch': dict(TINY_PVT['arch'], depths=(1, 1))},
            'one entry per stage',
        ),
        (
            {'arch': dict(TINY_PVT['arch'], depths=(1, 1, 0, 1))},
            'at least 1',
        ),
        ({'sr_ratios': (8, 4)}, r'sr_ratios \(8, 4\) .* each of the 4 stages'),
        ({'sr_ratios': (8, 4, 2, 0)}, r'sr_ratios \(8, 4, 2, 0\)'),
        ({'reduction': 'max'}, "got 'max'"),
        ({'positions': 'none'}, "got 'none'"),
        (
            {'positions': 'learned', 'position_resize': 'sincos'},
            "needs positions='sincos'",
        ),
        ({'position_resize': 'linear'}, 'got linear'),
        ({'patch_size': 0}, 'patch_size must be positive'),
        ({'out_indices': (0, 4)}, r'\(0, 4\) .* 0 to 3'),
        ({'drop_path_rate': 1.0}, r'\[0, 1\), got 1.0'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_keys_of_several_cells_are_refused_by_the_mixer():
    with pytest.raises(ValueError, match=r'must divide \(8, 4, 2, 1\)'):
        tiny_model({'sr_ratios': (8, 8, 2, 1)}, tiny=TINY_PVT)


def test_without_masked_attention_any_key_size_is_accepted():
    tiny_model(
        {'sr_ratios': (8, 8, 2, 1)},
        neck={'masked_attention': False},
        tiny=TINY_PVT,
    )


def test_learned_positions_are_not_gathered():
    for positions in ('learned', 'per_stage'):
        backbone = build(positions=positions)
        assert not backbone.takes_coords
        assert 'own grid only' in backbone.unsupported['takes_coords']
    assert build().takes_coords


def saved(path, **changes) -> dict:
    """Write a checkpoint with the arguments of its network."""
    network = build(**changes)
    config = {**TINY_PVT, **changes}
    content = {
        'state_dict': network.state_dict(),
        'meta': {'model': {'backbone': config}},
    }
    torch.save(content, path)
    return {'type': 'Pretrained', 'checkpoint': str(path)}


def loaded(init_cfg, **changes):
    network = build(init_cfg=init_cfg, **changes)
    network.init_weights()
    return network


def test_a_checkpoint_may_lack_learned_positions(tmp_path):
    init_cfg = saved(tmp_path / 'a.pth')
    images = random_images(1)
    learned = loaded(init_cfg, positions='learned')
    assert torch.equal(learned(images)[0], loaded(init_cfg)(images)[0])


def test_a_checkpoint_may_not_lack_published_positions(tmp_path):
    init_cfg = saved(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='4 keys missing .positions.table'):
        loaded(init_cfg, positions='per_stage')


def test_other_key_regions_are_reported(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mixmae.checkpoints.loading.backbone_state.print_log',
        lambda text, *_: lines.append(text),
    )
    init_cfg = saved(tmp_path / 'a.pth', sr_ratios=(4, 2, 1, 1), **UM_MAE)
    loaded(init_cfg, positions='learned', **UM_MAE)
    told = (
        'positions sincos -> learned, sr_ratios (4, 2, 1, 1) -> (8, 4, 2, 1)'
    )
    assert lines[0].endswith(f'; not as trained: {told}')


def test_another_size_of_positions_is_refused(tmp_path):
    init_cfg = saved(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='trained with img_size=64'):
        loaded(init_cfg, img_size=128)


def test_config_is_read_only():
    arch = {key: list(value) for key, value in TINY_PVT['arch'].items()}
    config = {**TINY_PVT, 'arch': arch, 'sr_ratios': [8, 4, 2, 1]}
    before = repr(config)
    MODELS.build(config)
    assert repr(config) == before
