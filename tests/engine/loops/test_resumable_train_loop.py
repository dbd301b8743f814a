from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.checkpoint_loader import load_only_safely
from tests.engine.tiny_run import tiny_config


def config(work_dir: Path, load_from: Path | None = None) -> dict:
    """Three epochs of four iterations; a checkpoint every second one."""
    found = tiny_config(work_dir)
    found['default_hooks']['checkpoint'].update(
        by_epoch=False, interval=2, max_keep_ckpts=-1
    )
    # Something that draws in every step, beside the masks.
    found['model']['backbone']['drop_path_rate'] = 0.5
    found['log_level'] = 'ERROR'
    found['experiment_name'] = work_dir.name
    if load_from is not None:
        found.update(resume=True, load_from=str(load_from))
    return found


def train(found: dict) -> tuple[list, dict]:
    """What each iteration saw and lost, and the weights in the end."""
    load_only_safely()
    runner = Runner.from_cfg(Config(found))
    seen = []
    train_step = runner.model.train_step

    def step(data, optim_wrapper):
        losses = train_step(data, optim_wrapper)
        numbers = [int(s.sample_idx) for s in data['data_samples']]
        seen.append((numbers, losses['loss'].item()))
        return losses

    runner.model.train_step = step
    runner.train()
    return seen, runner.model.state_dict()


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    return folder, *train(config(folder))


# Within an epoch, at its end, and within the last one.
@pytest.mark.parametrize('done', [2, 4, 10])
def test_a_resumed_run_is_the_uninterrupted_one(whole, tmp_path, done):
    folder, seen, weights = whole
    assert len(seen) == 12
    # Whatever else has been drawn must not matter.
    torch.rand(done)
    again, found = train(config(tmp_path, folder / f'iter_{done}.pth'))
    assert again == seen[done:]
    assert all(torch.equal(found[key], weights[key]) for key in weights)


def test_epochs_of_another_length_are_refused(whole, tmp_path):
    found = config(tmp_path, whole[0] / 'iter_10.pth')
    found['train_dataloader']['dataset']['length'] = 8
    with pytest.raises(ValueError, match='10 lies in no epoch 2 of 2 iter'):
        train(found)


def test_samplers_that_cannot_skip_are_named(whole, tmp_path):
    found = config(tmp_path, whole[0] / 'iter_2.pth')
    found['train_dataloader']['sampler'] = dict(
        type='DefaultSampler', shuffle=True
    )
    found['train_dataloader']['dataset']['length'] = 16
    with pytest.raises(ValueError, match='a DefaultSampler cannot go on'):
        train(found)
