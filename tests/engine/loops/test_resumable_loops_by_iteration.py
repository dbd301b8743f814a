from pathlib import Path

import pytest
import torch

from tests.engine.loops.test_resumable_loops_by_epoch import foreign, train


def endless(work_dir: Path, load_from: Path | None = None) -> dict:
    """Return a config of eight iterations: one and a half passes."""
    found = foreign(work_dir, load_from)
    loader = found['train_dataloader']
    loader['sampler'] = dict(type='InfiniteSampler', shuffle=True)
    del loader['batch_sampler']
    found['train_cfg'] = dict(type='ResumableIterLoop', max_iters=8)
    found['param_scheduler'] = []
    return found


def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path):
    seen, weights = train(endless(tmp_path / 'whole'))
    assert len(seen) == 8
    checkpoint = tmp_path / 'whole' / 'iter_2.pth'
    again, found = train(endless(tmp_path / 'run', checkpoint))
    assert again == seen[2:]
    assert all(torch.equal(found[key], weights[key]) for key in weights)


def test_another_batch_size_is_refused(tmp_path):
    train(endless(tmp_path / 'whole'))
    found = endless(tmp_path / 'run', tmp_path / 'whole' / 'iter_2.pth')
    found['train_dataloader']['batch_size'] = 5
    with pytest.raises(ValueError, match='batches of 4 .* batches of 5'):
        train(found)
