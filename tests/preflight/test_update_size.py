"""Loader, sampler and optimizer wrapper agree on an update."""

from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.update_size import UpdateSize


def finding(kind='mixmae.UpdateSampler', **sampler):
    cfg = Config(
        dict(
            train_dataloader=dict(
                batch_size=4, sampler=dict(type=kind, **sampler)
            ),
            optim_wrapper=dict(accumulative_counts=2),
        )
    )
    return UpdateSize().run(PlannedRun('train', cfg))


def test_one_place_is_enough():
    assert not finding().errors
    assert not finding(batch_size=4, accumulative_counts=2).errors
    assert finding('DefaultSampler') is None


def test_different_numbers_are_errors():
    lines = finding(batch_size=8, accumulative_counts=1).errors
    assert len(lines) == 2
    assert 'train_dataloader.batch_size=4' in lines[0]
    assert 'sampler.batch_size=8' in lines[0]
    assert 'optim_wrapper.accumulative_counts=2' in lines[1]
