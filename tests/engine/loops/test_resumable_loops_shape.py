"""A resumed run reads the same images as the uninterrupted run."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.engine.loops.resumable_loops import LOADER_KEY, LoaderShape
from tests.engine.numbers_run import train_numbers
from tests.engine.tiny_run import tiny_config

EPOCHS = {
    'default_hooks.checkpoint.by_epoch': True,
    'default_hooks.checkpoint.interval': 1,
}


def batches(size: int, counts: int = 2) -> dict:
    return {
        'train_dataloader.batch_size': size,
        'train_dataloader.sampler.batch_size': size,
        'train_dataloader.sampler.accumulative_counts': counts,
        'optim_wrapper.accumulative_counts': counts,
    }


@pytest.fixture(scope='module')
def first(tmp_path_factory) -> Path:
    """Train with checkpoints at the ends of epochs."""
    folder = tmp_path_factory.mktemp('first')
    train_numbers(folder, **EPOCHS)
    return folder / 'epoch_1.pth'


def without_sizes(path: Path, target: Path) -> Path:
    """Rewrite the checkpoint in the format of earlier versions."""
    content = torch.load(path, weights_only=False)
    content['message_hub']['runtime_info'].pop(LOADER_KEY)
    torch.save(content, target)
    return target


# Iteration 6 ends an epoch of 3, 12, 2 or 4 iterations.
@pytest.mark.parametrize(
    ('size', 'counts'), [(8, 1), (2, 2), (12, 2), (6, 2), (5, 2)]
)
@pytest.mark.parametrize('noted', [True, False])
def test_another_batch_size_is_refused_between_epochs(
    first, tmp_path, size, counts, noted
):
    """Each change would silently skip or repeat updates."""
    start = first if noted else without_sizes(first, tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='resume with the same number'):
        train_numbers(
            tmp_path / 'run',
            load_from=str(start),
            resume=True,
            **batches(size, counts),
        )
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_checkpoints_of_earlier_versions_continue(first, tmp_path):
    start = without_sizes(first, tmp_path / 'old.pth')
    runner = train_numbers(
        tmp_path / 'run', load_from=str(start), resume=True, **EPOCHS
    )
    assert runner.iter == 12
    assert runner.message_hub.get_info(LOADER_KEY)['images'] == 24


@pytest.mark.parametrize(
    'content', [None, 3, {}, {'images': 4}, dict.fromkeys(LoaderShape._fields)]
)
def test_malformed_records_of_sizes_are_ignored(content):
    assert LoaderShape.read(content) is None
    shape = LoaderShape(24, 4, 1, 2, 6)
    assert LoaderShape.read(shape._asdict()) == shape


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


def test_the_out_of_memory_hint_can_be_followed(tmp_path, request):
    """Half the batch size and twice the accumulation."""
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


def test_another_loop_accepts_a_sampler_without_sizes(tmp_path, request):
    runner = build(
        tmp_path,
        request.node.name,
        **{'train_cfg.type': 'EpochBasedTrainLoop'},
    )
    assert len(runner.train_dataloader.sampler) == 19
