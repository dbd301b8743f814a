from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import BatchSampler, SequentialSampler

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.registry import DATA_SAMPLERS, DATASETS, TRANSFORMS
from tests.engine.tiny_run import tiny_config


def config(work_dir: Path, load_from: Path | None = None) -> dict:
    """Return a config of three epochs, saved every second iteration."""
    found = tiny_config(work_dir)
    found['default_hooks']['checkpoint'].update(
        by_epoch=False, interval=2, max_keep_ckpts=-1
    )
    # Random draws in every step, in addition to the masks.
    found['model']['backbone']['drop_path_rate'] = 0.5
    found['log_level'] = 'ERROR'
    found['experiment_name'] = work_dir.name
    if load_from is not None:
        found.update(resume=True, load_from=str(load_from))
    return found


def train(found: dict) -> tuple[list, dict]:
    """Return inputs and loss of each iteration, and the final weights."""
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
def test_a_resumed_run_equals_the_uninterrupted_one(whole, tmp_path, done):
    folder, seen, weights = whole
    assert len(seen) == 12
    # Other random draws must not matter.
    torch.rand(done)
    again, found = train(config(tmp_path, folder / f'iter_{done}.pth'))
    assert again == seen[done:]
    assert all(torch.equal(found[key], weights[key]) for key in weights)


def test_epochs_of_another_length_are_refused(whole, tmp_path):
    found = config(tmp_path, whole[0] / 'iter_10.pth')
    found['train_dataloader']['dataset']['length'] = 8
    with pytest.raises(ValueError, match='with 19 images .* has 8 images'):
        train(found)


def test_samplers_without_set_epoch_are_named(tmp_path):
    def epochless(work_dir, load_from=None):
        found = config(work_dir, load_from)
        found['train_dataloader']['sampler'] = dict(type='EpochlessSampler')
        found['train_dataloader']['dataset']['length'] = 16
        return found

    train(epochless(tmp_path / 'whole'))
    with pytest.raises(ValueError, match='a EpochlessSampler has no seed'):
        train(epochless(tmp_path / 'run', tmp_path / 'whole' / 'iter_2.pth'))


@DATA_SAMPLERS.register_module(force=True)
class EpochlessSampler(SequentialSampler):
    """Sampler without ``set_epoch``."""

    def __init__(self, dataset, seed: int | None = None) -> None:
        super().__init__(dataset)


@DATA_SAMPLERS.register_module(force=True)
class ParityBatches(BatchSampler):
    """Batch sampler by parity, like mmdet's by aspect ratio."""

    def __init__(self, sampler, batch_size: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)

    def __iter__(self):
        waiting: dict[int, list] = {0: [], 1: []}
        for index in self.sampler:
            waiting[index % 2].append(index)
            if len(waiting[index % 2]) == self.batch_size:
                yield waiting[index % 2]
                waiting[index % 2] = []
        rest = waiting[0] + waiting[1]
        while rest:
            yield rest[: self.batch_size]
            rest = rest[self.batch_size :]


@DATASETS.register_module(force=True)
class NoisySet(BaseDataset):
    """Data set of random draws; every third sample is unusable."""

    def load_data_list(self) -> list:
        return [dict(number=n) for n in range(20)]


@TRANSFORMS.register_module(force=True)
class DrawNumber:
    """Transform that draws and may reject a sample, like a random crop."""

    def __call__(self, results: dict) -> dict | None:
        if results['sample_idx'] % 3 == 0:
            return None
        image = torch.full((3, 32, 32), np.random.randint(256))
        sample = BaseDataElement(
            metainfo=dict(sample_idx=results['sample_idx'])
        )
        return dict(inputs=image.to(torch.uint8), data_samples=sample)


def foreign(work_dir: Path, load_from: Path | None = None) -> dict:
    """Return a config with loaders and samplers of other libraries."""
    found = config(work_dir, load_from)
    found['train_dataloader'] = dict(
        batch_size=4,
        num_workers=1,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='ParityBatches'),
        dataset=dict(type='NoisySet', pipeline=[dict(type='DrawNumber')]),
    )
    found['optim_wrapper']['accumulative_counts'] = 1
    found['val_dataloader'] = found['val_evaluator'] = found['val_cfg'] = None
    found['train_cfg']['max_epochs'] = 2
    return found


def test_any_epoch_dependent_order_is_resumed(tmp_path):
    seen, weights = train(foreign(tmp_path / 'whole'))
    assert len(seen) == 10
    checkpoint = tmp_path / 'whole' / 'iter_6.pth'
    again, found = train(foreign(tmp_path / 'run', checkpoint))
    assert again == seen[6:]
    assert all(torch.equal(found[key], weights[key]) for key in weights)
    # The epochs differ.
    assert [n for n, _ in seen[:5]] != [n for n, _ in seen[5:]]


def test_fewer_images_than_a_batch_name_both_keys(tmp_path):
    found = config(tmp_path)
    found['train_dataloader'].update(
        batch_size=1000, drop_last=True, sampler=dict(type='DefaultSampler')
    )
    found['train_dataloader']['sampler']['shuffle'] = True
    with pytest.raises(ValueError, match='make no batch of 1000 with drop'):
        train(found)
