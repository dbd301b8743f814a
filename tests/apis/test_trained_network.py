import re

import pytest
import torch

from mixmae.apis import trained_network
from mixmae.apis.trained_network import (
    choose_device,
    network_config,
    pretraining_model,
    trained_backbone,
)
from mixmae.registry import MODELS
from tests.apis.tiny_setup import tiny_checkpoint, tiny_config


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('weights') / 'epoch_1.pth')


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def test_config_of_a_checkpoint_is_parsed_not_executed(checkpoint, tmp_path):
    cfg = network_config(None, checkpoint)
    carried = dict(carried_by=str(checkpoint))
    assert cfg.to_dict() == {**tiny_config().to_dict(), **carried}
    state = torch.load(checkpoint, weights_only=True)
    ran = tmp_path / 'ran'
    state['meta']['cfg'] += f'\nx = open({str(ran)!r}, "w")\n'
    torch.save(state, tmp_path / 'evil.pth')
    assert 'x' not in network_config(None, tmp_path / 'evil.pth')
    assert not ran.exists()


def test_configs_are_not_changed(checkpoint, tmp_path):
    cfg = tiny_config()
    before = cfg.pretty_text
    pretraining_model(network_config(cfg, None), checkpoint)
    trained_backbone(network_config(cfg, None), checkpoint, (0,))
    assert cfg.pretty_text == before
    path = tmp_path / 'config.py'
    path.write_text(before)
    assert network_config(path, None).to_dict() == cfg.to_dict()


def test_refuses_configs(tmp_path, checkpoint):
    with pytest.raises(ValueError, match='config or a checkpoint is required'):
        network_config(None, None)
    with pytest.raises(
        ValueError, match='config file .*none.py does not exist'
    ):
        network_config(tmp_path / 'none.py', None)
    (tmp_path / 'bad.py').write_text('model = dict(')
    with pytest.raises(ValueError, match='not a readable config'):
        network_config(tmp_path / 'bad.py', None)
    with pytest.raises(ValueError, match='has no model'):
        network_config(dict(a=1), None)
    torch.save(dict(state_dict=weights(checkpoint)), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='contains no config'):
        network_config(None, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='none.pth'):
        network_config(None, tmp_path / 'none.pth')


def test_the_whole_model_is_loaded(checkpoint):
    model = pretraining_model(tiny_config(), checkpoint)
    assert not model.training
    loaded, saved = model.state_dict(), weights(checkpoint)
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[key], saved[key]) for key in saved)


def test_refuses_weights_that_do_not_fit(checkpoint, tmp_path):
    other = tiny_config()
    other.model.neck.decoder.depth = 2
    with pytest.raises(ValueError, match='keys missing.*config that it was'):
        pretraining_model(other, checkpoint)
    other = tiny_config()
    other.model.neck.decoder.embed_dims = 8
    with pytest.raises(ValueError, match=r'another shape \(.* for '):
        pretraining_model(other, checkpoint)
    bare = {
        key: value
        for key, value in weights(checkpoint).items()
        if key.startswith('backbone.')
    }
    torch.save(dict(state_dict=bare), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='contains no decoder'):
        pretraining_model(tiny_config(), tmp_path / 'bare.pth')
    classifier = tiny_config(model=dict(type='mmpretrain.ImageClassifier'))
    with pytest.raises(ValueError, match='this one has a ImageClassifier'):
        pretraining_model(classifier, checkpoint)


def downstream(backbone, **figures):
    """Return a config in mmpretrain's layout, with a separate preprocessor."""
    figures = figures or dict(mean=[1.0] * 3, std=[2.0] * 3, to_rgb=True)
    return tiny_config(
        default_scope='mmpretrain',
        model=dict(type='ImageClassifier', backbone=backbone),
        data_preprocessor=figures,
    )


def test_backbones_of_other_configs_and_checkpoints(checkpoint, tmp_path):
    own = dict(tiny_config().model.backbone)
    saved = weights(checkpoint)
    expected = {
        key.removeprefix('backbone.'): value
        for key, value in saved.items()
        if key.startswith('backbone.')
    }
    detector = {**saved, 'roi_head.a': torch.zeros(1)}
    torch.save(dict(state_dict=detector), tmp_path / 'detector.pth')
    torch.save(expected, tmp_path / 'bare.pth')
    cfg = downstream({**own, 'type': 'mixmae.MIMSwin'})
    for path in (
        checkpoint,
        tmp_path / 'detector.pth',
        tmp_path / 'bare.pth',
    ):
        backbone, normalisation = trained_backbone(cfg, path)
        state = backbone.state_dict()
        assert all(torch.equal(state[key], expected[key]) for key in expected)
        assert not backbone.training
    assert normalisation.mean == (1.0,) * 3 and normalisation.to_rgb


def test_init_cfg_of_the_config_is_followed_without_a_checkpoint(
    checkpoint, monkeypatch
):
    warnings = []
    monkeypatch.setattr(
        trained_network, '_warn_untrained', lambda: warnings.append(1)
    )
    own = dict(tiny_config().model.backbone, type='mixmae.MIMSwin')
    init = dict(type='Pretrained', checkpoint=str(checkpoint))
    loaded, _ = trained_backbone(downstream({**own, 'init_cfg': init}), None)
    assert not warnings
    key = 'patch_embed.proj.weight'
    saved = weights(checkpoint)[f'backbone.{key}']
    assert torch.equal(loaded.state_dict()[key], saved)
    # A given checkpoint takes precedence over a missing one.
    init = dict(type='Pretrained', checkpoint='not/there.pth')
    cfg = downstream({**own, 'init_cfg': init})
    loaded, _ = trained_backbone(cfg, checkpoint)
    assert torch.equal(loaded.state_dict()[key], saved)
    trained_backbone(downstream(own), None)
    pretraining_model(tiny_config(), None)
    assert len(warnings) == 2


def test_refuses_backbones(checkpoint):
    resnet = downstream(dict(type='ResNet', depth=18))
    with pytest.raises(ValueError, match='this config is ResNet'):
        trained_backbone(resnet, None)
    with pytest.raises(ValueError, match='this config is none'):
        trained_backbone(downstream({}), None)
    with pytest.raises(ValueError, match='different stages from 0 to 1'):
        trained_backbone(tiny_config(), checkpoint, (5,))
    deeper = tiny_config()
    deeper.model.backbone.arch.depths = (1, 2)
    with pytest.raises(ValueError, match='keys missing'):
        trained_backbone(deeper, checkpoint)


def test_devices():
    assert choose_device('cpu') == torch.device('cpu')
    assert choose_device(None).type in ('cpu', 'cuda', 'mps', 'npu')
    for name in ('no such', 'cuda:77'):
        with pytest.raises(ValueError, match=re.escape(f'device {name}')):
            choose_device(name)


def test_parts_are_registered():
    from mixmae.registry import INFERENCERS

    for name in ('ReconstructionInferencer', 'FeatureExtractor'):
        assert INFERENCERS.get(f'mixmae.{name}') is not None
    assert MODELS.get('MaskedImageModel') is not None


@pytest.mark.parametrize('device', ['meta', 'nothing', 'cuda:77'])
def test_unusable_devices(device):
    with pytest.raises(ValueError, match=f'device {device} cannot be used'):
        choose_device(device)
