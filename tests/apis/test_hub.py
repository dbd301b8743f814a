"""Pretrained backbones by file and by name."""

import pytest
import torch

import mixmae
from mixmae.checkpoints.conversion.release import release
from mixmae.checkpoints.io import download
from mixmae.checkpoints.io.safe_load import safe_load
from tests.apis.hub_server import hub_server
from tests.apis.tiny_setup import tiny_checkpoint


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('run') / 'epoch_1.pth')


def test_a_backbone_of_a_file(run):
    backbone = mixmae.load_backbone(run)
    state = safe_load(run)['state_dict']
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[f'backbone.{key}'])
    assert not backbone.training
    images = torch.rand(2, 3, 64, 96) * 255
    maps = backbone((images - backbone.mean) / backbone.std)
    stride = backbone.stride
    assert [*maps[0].shape[2:]] == [64 // stride, 96 // stride]


def test_stages_and_channels_can_be_chosen(run):
    stages = range(mixmae.load_backbone(run).num_stages)
    backbone = mixmae.load_backbone(run, in_channels=1, out_indices=[*stages])
    maps = backbone(torch.zeros(1, 1, 64, 64))
    assert len(maps) == len(stages) and backbone.mean.shape == (1, 1, 1)


def test_weights_that_come_with_mixmae(run, tmp_path, monkeypatch):
    monkeypatch.setattr(download, '_PACKAGE', tmp_path)
    (tmp_path / 'weights').mkdir()
    release(run, tmp_path / 'weights/swin-tiny_test.safetensors')
    for name in ('swin-tiny_test', 'mixmae:swin-tiny_test'):
        assert mixmae.load_backbone(name).in_channels == 3
    with pytest.raises(ValueError, match='mixmae:swin-tiny_test'):
        mixmae.load_backbone('mixmae:swin-tinny')


def test_the_hub_returns_what_was_pushed(run, tmp_path, monkeypatch):
    constants, *readers = (
        pytest.importorskip(f'huggingface_hub.{name}')
        for name in ('constants', 'hf_api', 'file_download')
    )
    monkeypatch.setenv('HF_TOKEN', 'hf_test')
    with hub_server() as server:
        for place in (constants, *readers):
            monkeypatch.setattr(place, 'ENDPOINT', server.address, False)
        monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path))
        monkeypatch.setattr(
            constants,
            'HUGGINGFACE_CO_URL_TEMPLATE',
            server.address + '/{repo_id}/resolve/{revision}/{filename}',
        )
        url = mixmae.push_to_hub(run, 'user/tiny', {'title': 'Tiny'})
        assert url.startswith(server.address)
        assert b'# Tiny' in server.files['user/tiny', 'README.md']
        backbone = mixmae.from_pretrained('user/tiny')
        with pytest.raises(ValueError, match='hf:user/other'):
            mixmae.from_pretrained('user/other')
    own = mixmae.load_backbone(run).state_dict()
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, own[key], rtol=1e-3, atol=1e-3)


def test_a_hub_that_cannot_be_reached(run, monkeypatch):
    reader = pytest.importorskip('huggingface_hub.hf_api')
    # Nothing listens there.
    monkeypatch.setattr(reader.constants, 'ENDPOINT', 'http://127.0.0.1:9')
    with pytest.raises(ValueError, match='cannot be reached .* the network'):
        mixmae.push_to_hub(run, 'user/tiny')
