"""``mixmae train``: changes of the config by arguments."""

import pytest
import torch
from mmengine.config import Config

from mixmae.cli.commands.train import (
    apply_arguments,
    parse_args,
    set_precision,
)
from mixmae.config.failure_report import ConfigError


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


def test_a_base_batch_size_without_the_flag():
    option = 'auto_scale_lr.base_batch_size=8'
    args = parse_args(['c.py', '--cfg-options', option])
    cfg = Config(dict(auto_scale_lr=dict(base_batch_size=8)))
    with pytest.raises(ConfigError, match='without --auto-scale-lr'):
        apply_arguments(cfg, args)
    cfg.auto_scale_lr.enable = True
    apply_arguments(cfg, args)
