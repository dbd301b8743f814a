import math

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from tests.engine.tiny_run import ROOT

SCHEDULES = ROOT / 'configs/_base_/schedules'
PEAK = 1.5e-4 * 2048 / 256
UPDATES_PER_EPOCH = 625  # of 2048 of ImageNet's 1,281,167 images


def official_lr(update: int, epochs: int) -> float:
    """Return the official rate, which is set before each update."""
    epoch = update / UPDATES_PER_EPOCH
    if epoch < 40:
        return PEAK * epoch / 40
    progress = (epoch - 40) / (epochs - 40)
    return PEAK * 0.5 * (1 + math.cos(math.pi * progress))


def rates_of_updates(epochs: int, counts: int, stop: int):
    """Return (update, lr used) of the first ``stop`` updates."""
    cfg = Config.fromfile(SCHEDULES / f'adamw_mixmae_{epochs}e.py')
    with DefaultScope.overwrite_default_scope('mixmae'):
        optim = build_optim_wrapper(nn.Linear(2, 2), cfg.optim_wrapper)
        schedulers = [
            PARAM_SCHEDULERS.build(
                dict(config),
                default_args=dict(
                    optimizer=optim, epoch_length=UPDATES_PER_EPOCH * counts
                ),
            )
            for config in cfg.param_scheduler
        ]
    for iteration in range(stop * counts):
        update, part = divmod(iteration, counts)
        if part == counts - 1:
            yield update, optim.param_groups[0]['lr']
        for scheduler in schedulers:
            scheduler.step()


def largest_deviation(epochs: int, counts: int, stop: int) -> float:
    return max(
        abs(lr - official_lr(update, epochs)) / PEAK
        for update, lr in rates_of_updates(epochs, counts, stop)
    )


@pytest.mark.filterwarnings('ignore:Detected call of')
@pytest.mark.parametrize(('epochs', 'counts'), [(600, 2), (600, 1), (300, 2)])
def test_warm_up_and_its_end_are_the_official_ones(epochs, counts):
    # Stated in the schedule: no more than 4e-5 of the peak, all of it in
    # the warm-up; 26,000 updates reach into epoch 41.
    assert largest_deviation(epochs, counts, 26_000) < 4.01e-5


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:Detected call of')
def test_the_whole_schedule_is_the_official_one():
    assert largest_deviation(600, 2, 600 * UPDATES_PER_EPOCH) < 4.01e-5


def test_parameters_of_one_axis_are_not_decayed():
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.norm = nn.LayerNorm(3)
            self.mask_token = nn.Parameter(torch.zeros(1, 1, 3))
            self.bias_table = nn.Parameter(torch.zeros(9, 2))

    model = Parts()
    for epochs in (600, 300):
        cfg = Config.fromfile(SCHEDULES / f'adamw_mixmae_{epochs}e.py')
        with DefaultScope.overwrite_default_scope('mixmae'):
            optim = build_optim_wrapper(model, cfg.optim_wrapper)
        decay = {
            id(parameter): group['weight_decay']
            for group in optim.param_groups
            for parameter in group['params']
        }
        found = {n: decay[id(p)] for n, p in model.named_parameters()}
        assert found == {
            'linear.weight': 0.05,
            'linear.bias': 0.0,
            'norm.weight': 0.0,
            'norm.bias': 0.0,
            'mask_token': 0.05,
            'bias_table': 0.05,
        }
        assert optim.param_groups[0]['betas'] == (0.9, 0.95)
        assert optim.param_groups[0]['lr'] == PEAK
