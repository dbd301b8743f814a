"""Loaders wait a limited time for workers; without workers nothing else."""

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.cli.loader_limits import TIMEOUT, limit_loaders


def limited(**loader):
    cfg = Config(dict(test_cfg=dict(train_dataloader=loader)))
    limit_loaders(cfg)
    return cfg.test_cfg.train_dataloader.to_dict()


def test_workers_have_a_time_limit():
    assert limited(num_workers=1) == dict(num_workers=1, timeout=TIMEOUT)
    assert limited(num_workers=1, timeout=0)['timeout'] == 0


@pytest.mark.parametrize('count', [dict(num_workers=0), {}])
def test_no_workers_is_enough(count):
    loader = limited(
        batch_size=2,
        persistent_workers=True,
        prefetch_factor=2,
        timeout=9,
        pin_memory=False,
        sampler=dict(type='DefaultSampler'),
        dataset=list(range(4)),
        **count,
    )
    assert loader['pin_memory'] is False
    assert len(Runner.build_dataloader(loader)) == 2
