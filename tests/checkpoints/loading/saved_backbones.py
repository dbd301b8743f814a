"""Saved backbones, and the maps of backbones that load them."""

from __future__ import annotations

import torch

from mixmae.registry import MODELS
from tests.models.parts import random_images


def saved(content, path) -> dict:
    torch.save(content, path)
    return {'type': 'Pretrained', 'checkpoint': str(path)}


def features(config, init_cfg):
    backbone = MODELS.build({**config, 'init_cfg': init_cfg}).eval()
    backbone.init_weights()
    return backbone(random_images(1))
