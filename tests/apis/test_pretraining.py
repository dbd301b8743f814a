"""End of a pretraining in one call, for each method and kind of network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.utils import is_installed
from PIL import Image

import mixmae
from mixmae.apis.output_folder import OutputFolder
from mixmae.apis.pretraining import finished_run
from mixmae.apis.training_process import TrainingFailedError
from mixmae.checkpoints.conversion.bare_backbone import from_bare
from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.checkpoints.io.resumed_state import PARTS
from mixmae.fileio.safe_path import read_json
from mixmae.recipes.methods import METHODS
from mixmae.recipes.pretraining_config import plan_pretraining
from mixmae.recipes.pretraining_options import PretrainingOptions
from mixmae.registry import MODELS

NETWORKS = ('swin-mini', 'pvt-tiny', 'twins-svt-small', 'vit-tiny')


@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('method', METHODS)
def test_each_method_and_network_leaves_a_backbone(tmp_path, method, network):
    photos(tmp_path / 'photos')
    options = PretrainingOptions(
        data=tmp_path / 'photos',
        model=network,
        method=method,
        image_size=64,
        devices='cpu',
    )
    try:
        plan = plan_pretraining(options)
    except ValueError as error:
        assert 'method' in str(error), error
        pytest.skip(f'refused before the run: {error}')
    folder = OutputFolder(tmp_path / 'run')
    plan.write(folder.path)
    model = trained(folder)
    run = finished_run(folder)
    backbone = mixmae.load_backbone(run.backbone)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        outputs = [part.eval()(images)[-1] for part in (backbone, model)]
    torch.testing.assert_close(*outputs)
    back = from_bare(read_source(run.backbone)).state
    assert back.keys() == {f'backbone.{key}' for key in model.state_dict()}
    for path in sorted((run.out / 'next').glob('*.py')):
        if path.stem != 'classification' and not is_installed('mmdet'):
            continue
        loaded = Config.fromfile(path).model.backbone.init_cfg.checkpoint
        assert Path(loaded).resolve() == run.backbone


def photos(folder):
    folder.mkdir()
    for number in range(12):
        pixels = np.full((70, 80, 3), 20 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')


def trained(folder):
    """Write the checkpoint of a run, and return its backbone."""
    cfg = Config.fromfile(folder.config)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mixmae'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    content = {
        'meta': {'epoch': 1, 'iter': 1, 'cfg': cfg.pretty_text},
        'state_dict': model.state_dict(),
        'optimizer': {},
        'message_hub': {part: {} for part in PARTS},
    }
    torch.save(content, folder.path / 'epoch_1.pth')
    return model.backbone


def test_ignored_checks_are_those_of_the_training(tmp_path):
    photos(tmp_path / 'photos')
    with pytest.raises(TrainingFailedError, match='no check of this name'):
        mixmae.pretrain(
            tmp_path / 'run',
            tmp_path / 'photos',
            'swin-mini',
            image_size=64,
            devices='cpu',
            ignore_checks=['no such check'],
        )


def test_data_of_an_iterator_is_recorded(tmp_path):
    photos(tmp_path / 'photos')
    options = PretrainingOptions((tmp_path / 'photos').glob('*.png'))
    folder = OutputFolder(tmp_path / 'run')
    plan_pretraining(options)
    folder.record(vars(options))
    assert len(read_json(tmp_path / 'run' / 'call.json')['data']) == 12
