"""Initial weights of every code base, detected by their keys."""

from __future__ import annotations

import re

import pytest
import torch
from mmengine.registry import DefaultScope

from mixmae.checkpoints.conversion.initial_weights import initial_weights
from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.checkpoints.loading.backbone_state import load_pretrained
from mixmae.registry import MODELS
from tests.checkpoints.conversion import foreign_files as files
from tests.checkpoints.conversion.networks import SWIN, build, equal, images
from tests.engine.tiny_run import tiny_config

EVERY = {
    'timm': (files.as_timm, 'timm or Microsoft'),
    'microsoft': (files.as_microsoft, 'timm or Microsoft'),
    'mmdet': (files.as_mmdet, 'mmdet'),
    'mmpretrain': (files.as_mmpretrain, 'mmpretrain'),
    'huggingface': (files.as_huggingface, 'Hugging Face'),
    'simmim': (files.as_simmim, 'SimMIM'),
    'mmpretrain-simmim': (files.as_mmpretrain_simmim, 'SimMIM'),
    'huggingface-simmim': (files.as_huggingface_simmim, 'SimMIM'),
}


def part(state, prefix):
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix)
    }


@pytest.mark.parametrize('name', EVERY)
def test_every_code_base_gives_the_same_backbone(name, tmp_path):
    ours, (write, words) = files.swin(), EVERY[name]
    state = write(ours)
    found = initial_weights(files.saved(tmp_path / 'x.pth', state))
    assert words in found.kind and not found.as_it_is
    assert equal(part(found.state, 'backbone.'), ours.state_dict())
    backbone = found.model['backbone']
    assert backbone['shift'] and not backbone['absolute_positions']
    assert backbone['window_sizes'] == (4, 4, 4, 4)
    # Every tensor of the file is loaded or left out, with the reason.
    assert found.report.renamed.keys() | found.report.dropped.keys() == {
        *state
    }
    counts = [int(n) for n in re.findall(r'(\d+) (?:tens|left)', found.line())]
    assert sum(counts) == len(state)
    if 'simmim' in name:
        assert equal(
            part(found.state, 'neck.'), files.simmim_neck().state_dict()
        )
        alone = found.without_neck('decoder of SimMIM')
        assert not part(alone.state, 'neck.')
        assert 'decoder of SimMIM: 3' in alone.line()
    # What is written is loaded by an ordinary init_cfg.
    found.write(tmp_path / 'init.pth')
    again = MODELS.build(dict(backbone))
    load_pretrained(
        again, dict(type='Pretrained', checkpoint=str(tmp_path / 'init.pth'))
    )
    assert equal(again.state_dict(), ours.state_dict())


def test_wrapped_models(tmp_path):
    ours = files.swin()
    for prefix in ('module.', 'backbone.', 'module._orig_mod.'):
        state = files.as_microsoft(ours)
        wrapped = {f'{prefix}{key}': value for key, value in state.items()}
        found = initial_weights(files.saved(tmp_path / 'x.pth', wrapped))
        assert equal(part(found.state, 'backbone.'), ours.state_dict())


def test_the_backbone_of_a_detector_of_microsoft(tmp_path):
    """It has a norm of each output, and no classifier."""
    ours = files.swin()
    state = {'rpn_head.rpn_conv.weight': torch.zeros(4)}
    for key, value in files.as_microsoft(ours).items():
        if not key.startswith('head.'):
            state['backbone.' + re.sub('^norm', 'norm3', key)] = value
    state['backbone.norm0.weight'] = torch.zeros(8)
    state['backbone.norm0.bias'] = torch.zeros(8)
    found = initial_weights(files.saved(tmp_path / 'x.pth', state))
    assert equal(part(found.state, 'backbone.'), ours.state_dict())
    assert 'outside its backbone: 1' in found.line()


def test_a_bare_file_of_ours_is_loaded_as_it_is(tmp_path):
    ours, path = files.swin(), tmp_path / 'backbone.safetensors'
    norm = dict(mean=[1.0, 2, 3], std=[4.0, 5, 6], channel_order='BGR')
    write_safetensors(path, ours.state_dict(), SWIN, norm, 'a test')
    found = initial_weights(path)
    assert found.as_it_is and found.model['data_preprocessor'] == norm
    assert equal(part(found.state, 'backbone.'), ours.state_dict())


def test_a_pretraining_keeps_its_decoder(tmp_path):
    ours, neck = files.swin(), files.simmim_neck()
    state = {f'backbone.{k}': v for k, v in ours.state_dict().items()}
    state |= {f'neck.{k}': v for k, v in neck.state_dict().items()}
    config = dict(
        type='SimMIMNeck',
        in_channels=64,
        token_channels=8,
        cell=files.STRIDE,
        stride=files.STRIDE,
    )
    model = dict(backbone={**SWIN, 'drop_path_rate': 0.3}, neck=config)
    path = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': state, 'meta': {'model': model}}, path)
    found = initial_weights(path)
    assert found.as_it_is and 'drop_path_rate' not in found.model['backbone']
    again = MODELS.build(
        {
            **found.model['neck'],
            'init_cfg': dict(type='Pretrained', checkpoint=str(path)),
        }
    )
    again.init_weights()
    assert equal(again.state_dict(), neck.state_dict())
    wider = MODELS.build({**config, 'token_channels': 16})
    wider.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    with pytest.raises(ValueError, match='SimMIMNeck: 1 tensors differ'):
        wider.init_weights()


def test_a_pretraining_on_bands_keeps_its_decoder(tmp_path):
    """The model tells the neck how many bands it predicts."""
    model = tiny_config(tmp_path)['model']
    model['backbone']['in_channels'] = 4
    model['data_preprocessor'].update(mean=[100.0] * 4, std=[50.0] * 4)
    with DefaultScope.overwrite_default_scope('mixmae'):
        built = MODELS.build(model)
    path = tmp_path / 'epoch_1.pth'
    saved = {'state_dict': built.state_dict(), 'meta': {'model': model}}
    torch.save(saved, path)
    found = initial_weights(path)
    assert found.as_it_is and not found.report.dropped
    assert equal(part(found.state, 'neck.'), built.neck.state_dict())


@pytest.mark.parametrize('key', ['encoder.surprise', 'surprise'])
def test_a_tensor_of_simmim_without_a_rule_is_refused(key, tmp_path):
    state = {**files.as_simmim(files.swin()), key: torch.ones(2)}
    path = files.saved(tmp_path / 'x.pth', state)
    with pytest.raises(ValueError, match=key):
        initial_weights(path)


@pytest.mark.parametrize('channels', [1, 2, 4, 12])
def test_channels_follow_timms_rule(channels, tmp_path):
    timm = pytest.importorskip('timm.models')
    ours = files.swin()
    path = files.saved(tmp_path / 'x.pth', files.as_simmim(ours))
    found = initial_weights(path, channels)
    key = 'backbone.patch_embed.proj.weight'
    weight = ours.state_dict()['patch_embed.proj.weight']
    wanted = timm.adapt_input_conv(channels, weight.clone())
    torch.testing.assert_close(found.state[key], wanted)
    assert found.model['backbone']['in_channels'] == channels
    assert len(found.model['data_preprocessor']['mean']) == channels
    assert (
        "timm's rule" in found.line() and '1 of them resized' in found.line()
    )
    # The decoder predicts RGB.
    assert 'neck' not in found.model
    assert (
        initial_weights(path, 3).model['backbone'].get('in_channels') is None
    )


@torch.no_grad()
def test_grey_images_give_the_features_of_rgb_ones(tmp_path):
    ours = files.swin().double()
    path = files.saved(tmp_path / 'x.pth', files.as_mmdet(ours))
    found = initial_weights(path, 1)
    grey = build(found.model['backbone'], part(found.state, 'backbone.'))
    x = images()[:, :1]
    torch.testing.assert_close(grey(x)[0], ours(x.expand(-1, 3, -1, -1))[0])


REFUSED = {
    'layers.0.blocks.0.attn.logit_scale': 'is a Swin V2, .* a Swin V1 .* fits',
    'features.1.0.attn.relative_position_bias_table': 'torchvision',
    'blocks.0.attn.qkv.weight': 'is a plain ViT',
    'layer1.0.conv1.weight': 'is a ResNet. What fits: a checkpoint',
    'stages.0.blocks.0.conv_dw.weight': 'depthwise convolutions',
    'stages.0.blocks.0.attn.position_bias.table': 'without its config',
    'w': r'no known code base \(its tensors are w, ...\)',
}


@pytest.mark.parametrize('key', REFUSED)
def test_other_networks_are_named(key, tmp_path):
    path = files.saved(tmp_path / 'x.pth', {key: torch.zeros(1)})
    with pytest.raises(ValueError, match=REFUSED[key]) as error:
        initial_weights(path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_incomplete_files_are_refused(tmp_path):
    state = files.as_huggingface(files.swin())
    del state['swin.layernorm.bias']
    path = files.saved(
        tmp_path / 'x.pth', {**state, 'swin.new': torch.ones(1)}
    )
    wanted = r'Hugging Face, but has 1 tensors missing .*norm3.bias.* and 1 '
    with pytest.raises(ValueError, match=wanted):
        initial_weights(path)


def test_names_of_timm(tmp_path, monkeypatch):
    """Load by a name of timm's hub, replaced by a file of a small network."""
    timm = pytest.importorskip('timm')
    ours = files.swin()
    path = tmp_path / 'timm.pth'
    torch.save(files.as_timm(ours), path)
    create = timm.create_model

    def small(name, pretrained):
        return create(
            name,
            pretrained,
            pretrained_cfg_overlay=dict(file=str(path), num_classes=5),
            num_classes=5,
            img_size=128,
            patch_size=2,
            embed_dim=8,
            depths=SWIN['arch']['depths'],
            num_heads=SWIN['arch']['num_heads'],
            window_size=4,
        )

    monkeypatch.setattr(timm, 'create_model', small)
    found = initial_weights('timm:swin_tiny_patch4_window7_224')
    assert equal(part(found.state, 'backbone.'), ours.state_dict())
    assert found.model['data_preprocessor']['mean'][0] == pytest.approx(
        123.675
    )
    with pytest.raises(
        ValueError, match='no Swin of timm; similar are timm:s'
    ):
        initial_weights('timm:swin_tny_patch4_window7_224')
    path.unlink()
    with pytest.raises(ValueError, match='cannot read its weights'):
        initial_weights('timm:swin_tiny_patch4_window7_224')
