"""ONNX export of whole classifiers and segmentors."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')

from mixmae.apis.onnx_export import (
    TaskGraph,
    channel_order,
    convert,
    graph_metadata,
    graph_size,
)
from mixmae.apis.task_network import TaskNetwork
from mixmae.registry import MODELS
from tests.apis.own_data import NETWORK
from tests.engine.tiny_run import ROOT

CONFIGS = {
    'classification': 'classification/own-classes.py',
    'segmentation': 'segmentation/own-masks.py',
}


def network(task: str) -> TaskNetwork:
    """Build the model of a recipe with a tiny backbone and random weights."""
    if task == 'segmentation':
        pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')
    cfg = Config.fromfile(ROOT / 'configs' / CONFIGS[task])
    model = cfg.model.to_dict()
    outputs = model['backbone'].get('out_indices')
    model['backbone'] = {**NETWORK, 'out_indices': outputs}
    if task == 'classification':
        model['head']['in_channels'] = 64
    else:
        model['decode_head'].update(in_channels=[8, 16, 32, 64], channels=16)
        model.pop('auxiliary_head')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        built = MODELS.build(ConfigDict(model))
    for parameter in built.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return TaskNetwork(task, built.eval(), cfg, dict(classes=cfg.classes))


@pytest.mark.parametrize('task', CONFIGS)
def test_any_batch_of_one_size(tmp_path: Path, task: str) -> None:
    whole = network(task)
    graph = TaskGraph(whole).eval()
    size, path = (64, 32), tmp_path / 'a.onnx'
    metadata = graph_metadata(whole, size)
    assert 'largest difference' in convert(
        graph, size, 0, path, 1e-4, metadata
    )
    session = importlib.import_module('onnxruntime').InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    for count in (1, 4):
        images = torch.randint(0, 256, (count, 3, *size)).float()
        (found,) = session.run(None, {'images': images.numpy()})
        # Prediction of the framework for these pixels: its
        # preprocessor takes BGR.
        data = dict(inputs=[image.flip(0) for image in images])
        inputs = whole.model.data_preprocessor(data)['inputs']
        with torch.no_grad():
            if task == 'classification':
                samples = whole.model(inputs, mode='predict')
                scores = torch.stack([one.pred_score for one in samples])
            else:
                samples = whole.model(inputs, mode='predict')
                logits = [one.seg_logits.data for one in samples]
                scores = torch.stack(logits).softmax(1)
        assert torch.allclose(torch.from_numpy(found), scores, atol=1e-5)
    with pytest.raises(Exception, match='(?i)invalid dimensions'):
        session.run(None, {'images': images[..., :16].numpy()})
    kept = session.get_modelmeta().custom_metadata_map
    assert json.loads(kept['channel_order']) == 'RGB'
    assert json.loads(kept['classes']) == [*whole.meta['classes']]


def test_sizes_of_the_recipes() -> None:
    assert graph_size(network('classification')) == (224, 224)
    assert graph_size(network('segmentation')) == (512, 512)


def test_a_detector_has_no_graph() -> None:
    detector = TaskNetwork('detection', torch.nn.Identity(), Config())
    with pytest.raises(ValueError, match='export its backbone'):
        TaskGraph(detector)


def test_the_order_of_channels_is_that_of_as_many():
    assert channel_order(True, 3) == 'RGB'
    assert channel_order(False, 3) == 'BGR'
    for channels in (1, 4, 12):
        assert 'RGB' not in channel_order(True, channels)
