"""What arguments of a training change in its config."""

import pytest
import torch
from mmengine.config import Config

from mixmae.cli.commands.train import set_precision
from mixmae.config.config_error import ConfigError


def test_amp_of_other_wrappers(monkeypatch):
    cfg = Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=1))))
    set_precision(cfg)
    assert cfg.optim_wrapper.type == 'mixmae.AutocastOptimWrapper'
    detector = Config({**cfg.to_dict(), 'default_scope': 'mmdet'})
    detector.optim_wrapper.dtype = 'float32'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    set_precision(detector)
    assert detector.optim_wrapper.dtype == 'float16'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(
        ConfigError, match='detectors support mixed precision on a GPU'
    ):
        set_precision(detector)
    cfg = Config(dict(optim_wrapper=dict(type='ApexOptimWrapper')))
    with pytest.raises(ConfigError, match='ApexOptimWrapper'):
        set_precision(cfg)
