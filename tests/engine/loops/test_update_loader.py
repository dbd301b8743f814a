"""Batch size and accumulation are said once."""

import copy

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.engine.tiny_run import tiny_config


def build(tmp_path, name, **options):
    config = Config(copy.deepcopy(tiny_config(tmp_path)))
    sampler = config.train_dataloader.sampler
    del sampler.batch_size, sampler.accumulative_counts
    config.merge_from_dict(
        dict(experiment_name=name, log_level='ERROR', **options)
    )
    runner = Runner.from_cfg(config)
    before = copy.deepcopy(runner.cfg.to_dict())
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    assert runner.cfg.to_dict() == before
    return runner


@pytest.mark.parametrize(('batch', 'counts'), [(4, 2), (2, 4), (8, 1), (3, 2)])
def test_the_sampler_follows(tmp_path, request, batch, counts):
    runner = build(
        tmp_path,
        request.node.name,
        **{
            'train_dataloader.batch_size': batch,
            'optim_wrapper.accumulative_counts': counts,
        },
    )
    sampler = runner.train_dataloader.sampler
    assert (sampler.batch_size, sampler.accumulative_counts) == (batch, counts)
    assert len(runner.train_dataloader) == 19 // (batch * counts) * counts


def test_what_the_hint_for_little_memory_says_trains(tmp_path, request):
    """Half the batch size, twice the accumulation."""
    config = Config(tiny_config(tmp_path, batch_size=4, counts=1))
    sampler = config.train_dataloader.sampler
    del sampler.batch_size, sampler.accumulative_counts
    config.merge_from_dict(
        {
            'experiment_name': request.node.name,
            'log_level': 'ERROR',
            'train_dataloader.batch_size': 2,
            'optim_wrapper.accumulative_counts': 2,
            'train_cfg.max_epochs': 1,
        }
    )
    Runner.from_cfg(config).train()
    assert (tmp_path / 'epoch_1.pth').is_file()


def test_another_loop_takes_a_sampler_without_numbers(tmp_path, request):
    runner = build(
        tmp_path,
        request.node.name,
        **{'train_cfg.type': 'EpochBasedTrainLoop'},
    )
    assert len(runner.train_dataloader.sampler) == 19
