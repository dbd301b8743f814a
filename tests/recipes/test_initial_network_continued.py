"""Pretraining from weights of another code base."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mixmae.checkpoints.conversion.release import release
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.recipes.pretraining_config import plan_pretraining
from mixmae.recipes.pretraining_options import PretrainingOptions
from mixmae.registry import MODELS
from tests.apis.tiny_setup import tiny_checkpoint
from tests.checkpoints.conversion import foreign_files as files
from tests.checkpoints.conversion.networks import equal
from tests.recipes.photos import write_photos


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    write_photos(folder, 20)
    return folder


@pytest.fixture
def plan(photos):
    def call(init, **options):
        given = dict(data=photos, init=init, devices='cpu', image_size=64)
        return plan_pretraining(PretrainingOptions(**given | options))

    return call


def built(plan, out):
    cfg = Config.fromfile(plan.write(out))
    with DefaultScope.overwrite_default_scope('mixmae'):
        model = MODELS.build(cfg.model)
        model.init_weights()
    return model


def test_mixmae_continues_a_shifted_swin_exactly(plan, tmp_path):
    ours = files.swin()
    path = files.saved(tmp_path / 'swin.pth', files.as_timm(ours))
    made = plan(path)
    (row,) = (one for one in made.rows if one.name == 'init')
    assert 'timm' in row.reason and 'left out' in row.reason
    model = built(made, tmp_path / 'run').eval()
    assert equal(model.backbone.state_dict(), ours.state_dict())
    assert model.backbone.stages[0].shifts == (0, 2)
    for size in ((64, 64), (96, 144)):
        torch.manual_seed(0)
        images = torch.randn(4, 3, *size)
        data = model.data_preprocessor.masking(4, *size, torch.Generator())
        hidden = data.at_stride(1)[:, None]
        cells = data.hidden.flatten(1).expand(4, -1)
        with torch.no_grad():
            before = model.predict_cells(images, data)
            noise = torch.randn_like(images)
            after = model.predict_cells(images + hidden * noise, data)
            # Hidden pixels never reach their own prediction.
            assert torch.equal(after[cells], before[cells])
            assert not torch.equal(after[~cells], before[~cells])
            after = model.predict_cells(images + ~hidden * noise, data)
            assert torch.equal(after[~cells], before[~cells])
            # Nor does the partner: another order gives the same predictions.
            order = torch.tensor([2, 0, 3, 1])
            paired = model.predict_cells(images[order], data)
        torch.testing.assert_close(paired, before[order], rtol=1e-4, atol=1e-5)


def test_simmim_takes_the_decoder_of_simmim(plan, tmp_path):
    path = files.saved(tmp_path / 'x.pth', files.as_simmim(files.swin()))
    model = built(plan(path, method='simmim'), tmp_path / 'run')
    assert equal(model.neck.state_dict(), files.simmim_neck().state_dict())
    other = plan(path)
    (row,) = (one for one in other.rows if one.name == 'init')
    assert 'decoder of SimMIMNeck: 3' in row.reason
    assert built(other, tmp_path / 'other').neck.method == 'MixMAE'


def test_networks_that_the_weights_do_not_fit(plan, tmp_path):
    path = files.saved(tmp_path / 'x.pth', files.as_mmdet(files.swin()))
    with pytest.raises(ValueError, match='take method=mixmae or simmim'):
        plan(path, method='um-mae')
    with pytest.raises(ValueError, match='8 to 64 .* model=swin-tiny has 96'):
        plan(path, model='swin-tiny')
    with pytest.raises(ValueError, match='there is no checkpoint'):
        plan(tmp_path / 'none.pth')


@pytest.mark.parametrize('method', ['mixmae', 'simmim'])
def test_a_release_of_other_stages_continues(plan, tmp_path, method):
    """Names of weights are addresses; the network keeps its two stages."""
    run = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    release(run, tmp_path / 'tiny.safetensors')
    made = plan(tmp_path / 'tiny.safetensors', method=method)
    model = built(made, tmp_path / 'run')
    assert model.backbone.num_stages == 2
    own = safe_load(run)['state_dict']
    for key, value in model.backbone.state_dict().items():
        torch.testing.assert_close(
            value, own[f'backbone.{key}'], rtol=1e-3, atol=1e-3
        )
