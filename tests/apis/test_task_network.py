"""Models of downstream tasks, built from the config in a checkpoint."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from mmengine.config import Config

pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')

from mixmae.apis.task_network import (
    buildable_settings,
    task_network,
)
from mixmae.engine.hooks.visualization_hook import framework_of
from tests.configs.test_configs import CONFIGS, ROOT, identity

TASKS = ('classification', 'detection', 'segmentation')
DETECTOR = ROOT / 'configs/detection/mask-rcnn_swin-mini_scenes-128.py'


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if p.parent.name in TASKS and '-knn_' not in p.name],
    ids=identity,
)
def test_checkpoints_of_our_configs_need_no_file(path: Path) -> None:
    cfg = Config.fromfile(path)
    model = cfg.model.to_dict()
    model.pop('train_cfg', None)
    found = buildable_settings(model, 'a.pth', framework_of(cfg))
    assert found['backbone']['type'] == model['backbone']['type']
    # It names no other file.
    assert 'init_cfg' not in str(found) and 'class_weight' not in str(found)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        # mmcv evaluates it.
        ('test_cfg.rcnn.nms.type', '__import__("os").getcwd()'),
        # A model that downloads code, and parts of no registry.
        ('neck.type', 'HuggingFaceModel'),
        ('neck.type', 'os.system'),
        ('backbone.type', 'mmdet.ResNet'),
        ('roi_head.bbox_roi_extractor.roi_layer.type', 'NMS'),
    ],
)
def test_other_parts_are_refused(place: str, value: str) -> None:
    model = copy.deepcopy(Config.fromfile(DETECTOR).model)
    model.pop('train_cfg')
    changed = Config(dict(model=model))
    changed.merge_from_dict({f'model.{place}': value})
    with pytest.raises(ValueError, match='not a registered part'):
        buildable_settings(changed.model.to_dict(), 'a.pth', 'mmdet')


def test_a_pretraining_checkpoint_is_refused() -> None:
    pretraining = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
    with pytest.raises(ValueError, match='fine-tune it first'):
        task_network('a.pth', pretraining)
