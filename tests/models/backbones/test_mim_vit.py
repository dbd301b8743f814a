import pytest
import torch

from mixmae.models.layers.absolute_positions import grid_coords
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups
from tests.models.overriding import BackboneOverrides
from tests.models.pairs import BACKBONES
from tests.models.parts import random_images, random_mask


class TestOverrides(BackboneOverrides):
    backbone = 'vit'
    settings = (False, True)


def build(**changes):
    torch.manual_seed(0)
    backbone = MODELS.build({**BACKBONES['vit'], **changes})
    backbone.init_weights()
    for parameter in backbone.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return backbone.eval()


def test_is_the_vision_transformer_of_mmpretrain():
    """Equal weights give equal maps."""
    ours = build(img_size=64, out_indices=(0, 1))
    theirs = MODELS.build(
        {
            'type': 'mmpretrain.VisionTransformer',
            'arch': BACKBONES['vit']['arch'],
            'img_size': 64,
            'out_type': 'featmap',
            'out_indices': [0, 1],
        }
    )
    state = theirs.state_dict()
    for name, value in ours.state_dict().items():
        name = name.replace('patch_embed.proj.', 'patch_embed.projection.')
        name = name.replace('stages.', 'layers.').replace('norm1.', 'ln1.')
        if 'norm0.' not in name:
            assert state[name].shape == value.shape
            state[name].copy_(value)
    # A class token has no position.
    state['pos_embed'].zero_()
    state['pos_embed'][:, 1:] = ours.positions.table.flatten(0, 1)
    images = random_images(2)
    theirs.eval()
    plain, wanted = theirs(images)
    first, last = ours(images)
    torch.testing.assert_close(last, wanted)
    # Outputs of earlier blocks have no norm.
    plain = plain.permute(0, 2, 3, 1)
    normed = ours.norm0(plain).permute(0, 3, 1, 2)
    torch.testing.assert_close(first, normed)


@pytest.mark.parametrize('size', [(64, 64), (33, 70), (16, 16), (1, 5)])
def test_maps_of_any_size(size):
    maps = build(out_indices=(0, 1))(random_images(1, *size))
    grid = [-(-side // 16) for side in size]
    assert [features.shape for features in maps] == [(1, 16, *grid)] * 2
    assert all(features.isfinite().all() for features in maps)


def test_last_map_is_the_encoding():
    backbone = build()
    images = random_images(3, 64, 96)
    latent = backbone.encode(backbone.embed(images))
    assert torch.equal(backbone(images)[0], latent.permute(0, 3, 1, 2))


def test_gathered_patches_keep_their_positions():
    """A ViT treats tokens as a set: order and gaps do not matter."""
    backbone = build()
    tokens = backbone.embed(random_images(2, 128, 128))
    everybody = grid_coords(8, 8).expand(2, 8, 8, 2)
    dense = backbone.encode(tokens)
    torch.testing.assert_close(backbone.encode(tokens, None, everybody), dense)
    order = torch.randperm(64)
    shuffled = [x.flatten(1, 2)[:, order] for x in (tokens, everybody)]
    back = backbone.encode(
        shuffled[0].unflatten(1, (4, 16)),
        None,
        shuffled[1].unflatten(1, (4, 16)),
    )
    torch.testing.assert_close(
        back.flatten(1, 2), dense.flatten(1, 2)[:, order]
    )
    part = backbone.encode(tokens[:, ::2, 1::2], None, everybody[:, ::2, 1::2])
    assert part.shape == (2, 4, 4, 16)
    assert not torch.allclose(part, dense[:, ::2, 1::2])


def test_learned_positions_start_from_the_frozen_ones(tmp_path):
    path, images = str(tmp_path / 'vit.pth'), random_images(1)
    frozen = build()
    torch.save({'state_dict': frozen.state_dict()}, path)
    learned = MODELS.build(
        {
            **BACKBONES['vit'],
            'positions': 'learned',
            'init_cfg': {'type': 'Pretrained', 'checkpoint': path},
        }
    )
    learned.init_weights()
    torch.testing.assert_close(learned(images), frozen(images))
    learned(images)[0].square().sum().backward()
    assert learned.positions.table.grad.abs().sum() > 0
    assert learned.get_layer_depth('positions.table') == (0, 4)
    with pytest.raises(ValueError, match='MIMViT with learned positions'):
        learned.encode(learned.embed(images), None, grid_coords(4, 4)[None])


def test_the_class_token_is_attended_to():
    backbone, images = build(), random_images(1)
    before = backbone(images)[0]
    backbone.cls_token.data += torch.randn(16)
    assert not torch.allclose(backbone(images)[0], before)


def test_refuses_groups():
    backbone = build()
    assert not backbone.takes_groups and backbone.takes_coords
    tokens = backbone.embed(random_images())
    with pytest.raises(ValueError, match='MIMViT has a class token, which'):
        backbone.encode(tokens, AttentionGroups(random_mask()))


def test_initialised_as_mae():
    backbone = MODELS.build({**BACKBONES['vit'], 'img_size': 64})
    backbone.init_weights()
    patches = backbone.patch_embed.proj
    bound = (6 / (16 + 3 * 16 * 16)) ** 0.5
    assert not patches.bias.any()
    assert 0.95 * bound < patches.weight.abs().max() <= bound
    assert 0 < backbone.cls_token.std() < 0.1
    assert not backbone.stages[1].attn.qkv.bias.any()
    assert not backbone.stages[1].ffn.layers[1].bias.any()


def test_checkpointing_changes_nothing():
    images, gradients = random_images(2), []
    for with_cp in (False, True):
        backbone = build(with_cp=with_cp).train()
        backbone(images)[0].square().sum().backward()
        gradients.append([p.grad for p in backbone.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ('name', 'layer'),
    [
        ('cls_token', 0),
        ('patch_embed.proj.weight', 0),
        ('stages.0.attn.qkv.weight', 1),
        ('stages.1.ffn.layers.1.bias', 2),
        ('norm1.weight', 3),
    ],
)
def test_layer_depth(name, layer):
    backbone = build()
    assert name in dict(backbone.named_parameters())
    assert backbone.get_layer_depth(name) == (layer, 4)
    assert backbone.get_layer_depth(f'a.{name}', 'a.') == (layer, 4)


@pytest.mark.parametrize('frozen', [-1, 0, 1, 2])
def test_frozen_stages_count_blocks(frozen):
    backbone = build(frozen_stages=frozen, drop_path_rate=0.5).train()
    learns = {
        name.split('.')[0] if name[:6] != 'stages' else name[:8]
        for name, parameter in backbone.named_parameters()
        if parameter.requires_grad
    }
    stem = {'cls_token', 'patch_embed'} if frozen < 0 else set()
    blocks = {f'stages.{i}' for i in range(max(frozen, 0), 2)}
    assert learns == stem | blocks | ({'norm1'} if frozen < 2 else set())
    modes = [stage.training for stage in backbone.stages]
    assert modes == [i >= frozen for i in range(2)]


def test_loads_strictly(tmp_path):
    path = str(tmp_path / 'vit.pth')
    trained = build()
    torch.save({'state_dict': trained.state_dict()}, path)
    loaded = MODELS.build(
        {
            **BACKBONES['vit'],
            'init_cfg': {'type': 'Pretrained', 'checkpoint': path},
        }
    )
    loaded.init_weights()
    images = random_images(1)
    assert torch.equal(loaded.eval()(images)[0], trained(images)[0])
    del (state := trained.state_dict())['cls_token']
    torch.save({'state_dict': state}, path)
    with pytest.raises(ValueError, match='cls_token'):
        loaded.init_weights()


def test_names_of_mmpretrain():
    with torch.device('meta'):
        backbone = MODELS.build({'type': 'MIMViT', 'arch': 'base'})
    assert backbone.num_features == [768] * 12 and backbone.stride == 16
    # 85,798,656 of the usual ViT-B, less 197 trained positions.
    parameters = sum(p.numel() for p in backbone.parameters())
    assert parameters == 85_798_656 - 197 * 768


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'arch': 'giant'}, "unknown arch 'giant'.*'base'"),
        ({'arch': {'embed_dims': 8}}, r"got \['embed_dims'\]"),
        (
            {'arch': dict(BACKBONES['vit']['arch'], num_heads=3)},
            'embed_dims 16 .* num_heads 3',
        ),
        (
            {'arch': dict(BACKBONES['vit']['arch'], num_layers=0)},
            'at least 1, got 0 and 32',
        ),
        ({'patch_size': 0}, 'patch_size must be positive'),
        ({'out_indices': (0, 2)}, r'\(0, 2\) .* 0 to 1'),
        ({'position_resize': 'linear'}, 'got linear'),
        ({'positions': 'none'}, r"'learned'\), got 'none'"),
        (
            {'positions': 'learned', 'position_resize': 'sincos'},
            "'sincos' needs positions='sincos'",
        ),
        ({'drop_path_rate': 1.0}, r'\[0, 1\), got 1.0'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_encoding_needs_the_last_block():
    backbone = build(out_indices=(0,))
    with pytest.raises(ValueError, match='ends in block 1'):
        backbone.encode(torch.zeros(1, 4, 4, 16))


def test_config_is_read_only():
    config = {'type': 'MIMViT', 'arch': dict(BACKBONES['vit']['arch'])}
    before = repr(config)
    MODELS.build(config)
    assert repr(config) == before
