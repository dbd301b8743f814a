"""Predictions for images of other than three channels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from PIL import Image

pytest.importorskip('mmpretrain')

from mixmae.apis import predictor as module
from mixmae.apis.predictor import Predictor
from mixmae.apis.task_network import TaskNetwork
from mixmae.registry import MODELS
from tests.apis.own_data import NETWORK
from tests.engine.tiny_run import ROOT


@pytest.fixture
def predict(monkeypatch) -> Predictor:
    """Return a classifier of grey images with random weights."""
    cfg = Config.fromfile(ROOT / 'configs/classification/own-classes.py')
    model = cfg.model.to_dict()
    model['backbone'] = {**NETWORK, 'in_channels': 1}
    model['head']['in_channels'] = 64
    norm = dict(mean=[120.0], std=[60.0], to_rgb=False)
    model['data_preprocessor'].update(norm)
    cfg.model = model
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline[0].channels = 1
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        built = MODELS.build(ConfigDict(model))
    built.init_weights()
    network = TaskNetwork('classification', built.eval(), cfg)
    monkeypatch.setattr(module, 'task_network', lambda *_: network)
    monkeypatch.setattr(module, 'best_checkpoint', str)
    return Predictor('a.pth', device='cpu')


def test_grey_files_and_arrays(predict, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (80, 96, 1), np.uint8)
    path = tmp_path / 'grey.png'
    Image.fromarray(pixels[..., 0]).save(path)
    of_file, of_array = predict([path, pixels], progress=False)
    assert of_file['image'].shape == (80, 96, 3)
    np.testing.assert_array_equal(of_file['image'], of_array['image'])
    np.testing.assert_array_equal(of_file['scores'], of_array['scores'])
    assert torch.tensor(of_file['scores']).sum() == pytest.approx(1)


class Background(torch.nn.Module):
    """A segmentor that finds nothing."""

    def test_step(self, data):
        from mmengine.structures import PixelData

        for sample in data['data_samples']:
            shape = (1, *sample.ori_shape[:2])
            sample.pred_sem_seg = PixelData(data=torch.zeros(shape))
        return data['data_samples']


def test_warns_of_a_scene_larger_than_the_tiles(monkeypatch):
    pytest.importorskip('mmseg')
    cfg = Config.fromfile(ROOT / 'configs/segmentation/own-masks.py')
    for step in cfg.test_dataloader.dataset.pipeline:
        if step.type == 'Resize':
            step.scale = (96, 64)
    network = TaskNetwork('segmentation', Background(), cfg)
    monkeypatch.setattr(module, 'task_network', lambda *_: network)
    monkeypatch.setattr(module, 'best_checkpoint', str)
    predict = Predictor('a.pth', device='cpu')
    tile, scene = (
        np.zeros((h, w, 3), np.uint8) for h, w in ((64, 96), (200, 400))
    )
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        predict(tile, channel_order='rgb', progress=False)
    with pytest.warns(UserWarning, match='reduced from 400 x 200') as found:
        results = predict(
            [scene, tile, scene], channel_order='rgb', progress=False
        )
    assert len(found) == 1
    assert results[0]['labels'].shape == (200, 400)
