"""mmpretrain's MixMIM against ours, on the same weights."""

from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.checkpoints.conversion.mmpretrain_mixmim import (
    from_mmpretrain,
    to_mmpretrain,
)
from mixmae.registry import MODELS
from mixmae.structures import CellMask
from tests.checkpoints.conversion.networks import (
    MIXMIM,
    NECK,
    PREPROCESSOR,
    build,
    equal,
    file_of,
    images,
    inside,
    randomised,
    source_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('ignore')]
THEIR_FILE = 'mmpretrain.models.backbones.mixmim'
POSITIONS = 'backbone.absolute_pos_embed'
# In MixMIM's argument names.
THEIRS = dict(
    type='mmpretrain.MixMIMPretrainTransformer',
    arch=dict(embed_dims=8, depths=[1, 2, 2, 1], num_heads=[1, 2, 2, 4]),
    img_size=64,
    patch_size=4,
    window_size=[4, 8, 4, 2],
)
THEIR_NECK = dict(
    type='mmpretrain.MixMIMPretrainDecoder',
    num_patches=4,
    encoder_stride=32,
    embed_dim=64,
    decoder_embed_dim=16,
    decoder_depth=2,
    decoder_num_heads=4,
)


@pytest.fixture(autouse=True)
def mmpretrain():
    return pytest.importorskip('mmpretrain.models')


def full_map(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return mmpretrain's feature map before pooling."""
    maps = []
    hook = backbone.norm.register_forward_hook(
        lambda module, inputs, output: maps.append(output)
    )
    # The pretraining class always masks.
    pooled = import_module(THEIR_FILE).MixMIMTransformer.forward(backbone, x)
    hook.remove()
    torch.testing.assert_close(pooled[0], maps[0].mean(1), rtol=0, atol=1e-12)
    side = round(maps[0].size(1) ** 0.5)
    return maps[0].transpose(1, 2).unflatten(-1, (side, side))


def completions(
    backbone: nn.Module, neck: nn.Module, x: torch.Tensor, hidden: torch.Tensor
) -> torch.Tensor:
    mask = CellMask(hidden, 32)
    latent = backbone.encode(*neck.hide(backbone.embed(x), mask))
    return neck.completions(latent, mask)


def their_completions(
    backbone: nn.Module, neck: nn.Module, x: torch.Tensor, hidden: torch.Tensor
) -> torch.Tensor:
    def given(images, ratio):
        cells = hidden[None].double()
        return [
            F.interpolate(cells, scale_factor=scale).flatten(1)[..., None]
            for scale in (8, 4, 2, 1)
        ]

    backbone.random_masking = given
    return neck(*backbone(x))


HIDDEN = torch.tensor([[[True, False], [False, True]]])
ODD = torch.tensor([[[True, False], [False, False]]])


@torch.no_grad()
def test_pretraining_there_and_back(tmp_path):
    """Predictions of both mixed images agree, in the official order."""
    backbone, neck = randomised(build(MIXMIM)), randomised(build(NECK))
    model = dict(backbone=MIXMIM, neck=NECK, data_preprocessor=PREPROCESSOR)
    parts = {'backbone': backbone, 'neck': neck}
    conversion = to_mmpretrain(source_of(tmp_path / 'a.pth', parts, model))
    other = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    decoder = build(conversion.model['neck'], inside(conversion, 'neck'))
    for hidden in (HIDDEN, ODD):
        mine = completions(backbone, neck, images(64, 4), hidden)
        found = their_completions(other, decoder, images(64, 4), hidden)
        torch.testing.assert_close(found, mine, rtol=0, atol=1e-11)
    target = tmp_path / 'b.pth'
    conversion.write(target)
    back = from_mmpretrain(read_source(target))
    assert equal(inside(back, 'backbone'), backbone.state_dict())
    assert equal(inside(back, 'neck'), neck.state_dict())
    assert back.model['neck']['decoder']['norm_eps'] == 1e-5
    assert back.model['neck']['decoder']['num_heads'] == 4


@torch.no_grad()
@pytest.mark.parametrize('recorded', [True, False])
def test_pretraining_checkpoints_of_mmpretrain(tmp_path, recorded):
    """Positions have y channels first; the decoder has another epsilon."""
    heads = dict(decoder_num_heads=4 if recorded else 16)
    their_neck = dict(THEIR_NECK, **heads)
    backbone, neck = build(THEIRS), build(their_neck)
    for module in (backbone, neck):
        module.init_weights()
        randomised(module)
    model = dict(backbone=THEIRS, neck=their_neck) if recorded else None
    parts = {'backbone': backbone, 'neck': neck}
    conversion = from_mmpretrain(source_of(tmp_path / 'a.pth', parts, model))
    notes = ' '.join(conversion.report.notes)
    assert (
        'y channels before x channels' in notes
        and ('default of 16' in notes) != recorded
    )
    ours = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    decoder = build(conversion.model['neck'], inside(conversion, 'neck'))
    mine = completions(ours, decoder, images(64, 4), HIDDEN)
    found = their_completions(backbone, neck, images(64, 4), HIDDEN)
    # Their positions are computed in float32.
    torch.testing.assert_close(mine, found, rtol=0, atol=2e-6)
    # With the exact table they are equal.
    backbone.absolute_pos_embed.copy_(
        ours.positions.table.roll(4, -1).flatten(0, 1)[None]
    )
    torch.testing.assert_close(
        ours(images(64))[0],
        full_map(backbone, images(64)),
        rtol=0,
        atol=1e-12,
    )


@torch.no_grad()
def test_classifier_there_and_back(tmp_path):
    """Logits and unpooled maps agree, with the official positions."""
    head = dict(type='mmpretrain.LinearClsHead', num_classes=5, in_channels=64)
    model = dict(
        type='mmpretrain.ImageClassifier',
        backbone=dict(MIXMIM, type='mixmae.MIMSwin'),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=head,
    )
    ours = randomised(build(model))
    parts = {'backbone': ours.backbone, 'head': ours.head}
    path = file_of(tmp_path / 'a.pth', parts, model)
    conversion = to_mmpretrain(read_source(path))
    other = build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=conversion.model['backbone'],
            head=head,
        ),
        dict(conversion.state),
    )
    torch.testing.assert_close(
        full_map(other.backbone, images(64)),
        ours.backbone(images(64))[0],
        rtol=0,
        atol=1e-12,
    )
    torch.testing.assert_close(
        other(images(64)), ours(images(64)), rtol=0, atol=1e-12
    )
    target = tmp_path / 'b.pth'
    conversion.write(target)
    # As fine-tuning configs of mmpretrain load a backbone.
    init_cfg = dict(
        type='Pretrained', checkpoint=str(target), prefix='backbone.'
    )
    backbone = MODELS.build(
        dict(conversion.model['backbone'], init_cfg=init_cfg)
    ).double()
    backbone.init_weights()
    for key, value in inside(conversion, 'backbone').items():
        loaded = backbone.state_dict()[key]
        torch.testing.assert_close(loaded.to(value), value, rtol=0, atol=1e-6)
    back = from_mmpretrain(read_source(target))
    assert not back.report.notes
    assert equal(dict(back.state), ours.state_dict())


@torch.no_grad()
def test_another_image_size(tmp_path):
    """Positions are resized as ours are; windows stay within the grid."""
    config = dict(MIXMIM, window_sizes=(8, 8, 8, 8))
    ours = randomised(build(config))
    file = source_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    for size in (64, 128):
        conversion = to_mmpretrain(file, img_size=size)
        state = inside(conversion, 'backbone')
        other = build(conversion.model['backbone'], state)
        torch.testing.assert_close(
            full_map(other, images(size)),
            ours(images(size))[0],
            rtol=0,
            # Theirs are resized in float32, ours here in float64.
            atol=1e-12 if size == 64 else 1e-6,
        )
        assert bool(conversion.report.resized)
    with pytest.raises(ValueError, match='nearest one differs'):
        # Resized from 64; only tables resized from 224 are recognised.
        conversion.write(tmp_path / 'b.pth')
        from_mmpretrain(read_source(tmp_path / 'b.pth'))


@torch.no_grad()
@pytest.mark.parametrize('absolute', [True, False])
def test_a_network_without_positions(tmp_path, absolute):
    """MixMIMTransformer has zero positions until a checkpoint is loaded."""
    config = dict(MIXMIM, absolute_positions=absolute)
    ours = randomised(build(config))
    file = source_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    conversion = to_mmpretrain(file)
    assert conversion.state[POSITIONS].any() == absolute
    state = inside(conversion, 'backbone')
    other = build(conversion.model['backbone'], state)
    found = full_map(other, images(64))
    torch.testing.assert_close(found, ours(images(64))[0], rtol=0, atol=1e-12)
    # A bare backbone, without prefix.
    torch.save(other.state_dict(), tmp_path / 'b.pth')
    back = from_mmpretrain(read_source(tmp_path / 'b.pth'))
    settings = back.model['backbone']
    assert settings.get('absolute_positions', True) == absolute
    again = build(settings, inside(back, 'backbone'))
    torch.testing.assert_close(again(images(64))[0], found, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(shift=True), r'its windows are shifted \(shift=True\)'),
        (dict(window_sizes=(5, 8, 4, 2)), '16x16 tokens is not a multi'),
        (dict(img_size=(64, 32)), 'takes square images'),
        (dict(img_size=72), '18 tokens per side'),
    ],
)
def test_networks_that_mixmim_cannot_compute(tmp_path, settings, message):
    config = dict(MIXMIM, **settings)
    file = source_of(
        tmp_path / 'a.pth', {'backbone': build(config)}, {'backbone': config}
    )
    with pytest.raises(ValueError, match=message):
        to_mmpretrain(file)


def test_cells_of_another_size_go_without_the_decoder(tmp_path):
    config = dict(MIXMIM, patch_size=2, img_size=32)
    parts = {'backbone': build(config), 'neck': build(dict(NECK, cell=16))}
    model = dict(backbone=config, neck=dict(NECK, cell=16))
    file = source_of(tmp_path / 'a.pth', parts, model)
    with pytest.raises(ValueError, match='this network in 16; .*--backbone'):
        to_mmpretrain(file)
    conversion = to_mmpretrain(file, backbone_only=True)
    assert list(conversion.model) == ['backbone']
    build(conversion.model['backbone'], inside(conversion, 'backbone'))
    assert all(key.startswith('backbone.') for key in conversion.state)
    assert conversion.report.dropped['neck.mask_token'].startswith('a part')


def test_a_classifier_on_another_neck_is_left_out(tmp_path):
    """A linear probe has a norm between backbone and head."""
    parts = {
        'backbone': build(MIXMIM),
        'neck': nn.BatchNorm1d(64),
        'head': nn.ModuleDict({'fc': nn.Linear(64, 5)}),
    }
    model = dict(backbone=MIXMIM, neck=dict(type='mmpretrain.X'))
    conversion = to_mmpretrain(source_of(tmp_path / 'a.pth', parts, model))
    why = conversion.report.dropped['head.fc.weight']
    assert why == 'a classifier on a neck with weights'
    assert conversion.report.complete
