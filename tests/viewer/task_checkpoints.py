"""Checkpoints of tiny classifiers, detectors and segmentors."""

from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

from mixmae.recipes.config_template import Setting, filled, template_text
from mixmae.registry import MODELS
from tests.apis.own_data import COLOURS, NETWORK

RECIPES = {
    'classification': 'classification/own-classes.py',
    'detection': 'detection/own-coco.py',
    'segmentation': 'segmentation/own-masks.py',
}
SETTINGS = {
    'classification': dict(feature_channels=64, img_size=32),
    'detection': dict(
        feature_channels=[8, 16, 32, 64],
        img_size=64,
        longest_side=96,
        channels=16,
        fc_channels=32,
    ),
    'segmentation': dict(
        feature_channels=[8, 16, 32, 64], img_size=64, channels=16
    ),
}


def task_checkpoint(folder: Path, task: str) -> Path:
    """Write random weights with the config of our recipe."""
    settings = dict(
        network=NETWORK,
        classes=(*COLOURS, '<b>white</b>'),
        pretrained=None,
        **SETTINGS[task],
    )
    rows = [Setting(name, value) for name, value in settings.items()]
    path = folder / f'{task}.py'
    path.write_text(filled(template_text(RECIPES[task]), task, rows))
    cfg = Config.fromfile(path)
    torch.manual_seed(0)
    model = {k: v for k, v in cfg.model.items() if k != 'pretrained'}
    model['backbone'] = {**model['backbone'], 'init_cfg': None}
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        network = MODELS.build(ConfigDict(model))
    path = folder / f'{task}.pth'
    meta = dict(cfg=cfg.pretty_text, dataset_meta=dict(classes=cfg.classes))
    torch.save(dict(state_dict=network.state_dict(), meta=meta), path)
    return path
