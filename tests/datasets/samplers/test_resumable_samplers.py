from itertools import chain

import pytest
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler, DataLoader

from mixmae.datasets.samplers import (
    ResumableBatchSampler,
    UpdateSampler,
    resumable_samplers,
)
from mixmae.datasets.samplers.resumable_samplers import SampleIndex
from mixmae.registry import DATA_SAMPLERS


def ranks(monkeypatch, world_size: int, length: int, **kwargs) -> list:
    """Return the samplers of all ranks."""
    samplers = []
    for rank in range(world_size):
        monkeypatch.setattr(
            resumable_samplers, 'get_dist_info', lambda r=rank: (r, world_size)
        )
        samplers.append(UpdateSampler(range(length), seed=3, **kwargs))
    return samplers


def test_imagenet_has_625_updates(monkeypatch):
    for world, counts in ((8, 2), (16, 1)):
        sampler = ranks(
            monkeypatch,
            world,
            1_281_167,
            batch_size=128,
            accumulative_counts=counts,
        )[0]
        assert len(sampler) == 625 * counts * 128


def test_ranks_split_one_permutation(monkeypatch):
    samplers = ranks(monkeypatch, 3, 50, batch_size=4)
    dealt = [list(sampler) for sampler in samplers]
    assert [len(indices) for indices in dealt] == [16, 16, 16]
    assert len({i for indices in dealt for i in indices}) == 48

    one = list(ranks(monkeypatch, 1, 50, batch_size=12)[0])
    # The first batches are the first slice of the permutation.
    first = {i for indices in dealt for i in indices[:4]}
    assert first == set(one[:12])


def test_epochs_differ_and_repeat(monkeypatch):
    (sampler,) = ranks(monkeypatch, 1, 21, batch_size=5, accumulative_counts=2)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first != second
    # The dropped samples change with the permutation.
    assert set(first) != set(second)
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert len(first) == len(sampler) == 20


def test_without_shuffling_the_tail_is_dropped(monkeypatch):
    (sampler,) = ranks(monkeypatch, 1, 7, batch_size=3, shuffle=False)
    assert list(sampler) == [0, 1, 2, 3, 4, 5]


def test_too_few_images_are_an_error(monkeypatch):
    with pytest.raises(
        ValueError, match='15 images .* 2 ranks x batch 4 x 2 .* = 16'
    ):
        ranks(monkeypatch, 2, 15, batch_size=4, accumulative_counts=2)
    with pytest.raises(ValueError, match='at least 1, got 0 and'):
        ranks(monkeypatch, 1, 15, batch_size=0)


def test_mmengine_builds_it():
    sampler = DATA_SAMPLERS.build(
        dict(type='UpdateSampler', batch_size=2),
        default_args=dict(dataset=range(9), seed=None),
    )
    assert len(sampler) == 8
    assert sampler.seed is not None


def batches(epoch: int) -> ResumableBatchSampler:
    sampler = DefaultSampler(range(10), shuffle=True, seed=3)
    sampler.set_epoch(epoch)
    return ResumableBatchSampler(BatchSampler(sampler, 4, drop_last=False))


@pytest.mark.parametrize('done', [0, 1, 2, 3])
def test_consumed_samples_are_skipped_once(done):
    found = batches(epoch=2)
    whole = list(found)
    assert [len(batch) for batch in whole] == [4, 4, 2]
    assert sorted(chain.from_iterable(whole)) == list(range(10))
    found.skip(done)
    assert len(found) == 3
    assert list(found) == whole[done:]
    assert list(found) == whole


def test_samples_carry_seed_and_epoch():
    for index in chain.from_iterable(batches(epoch=2)):
        assert isinstance(index, SampleIndex)
        assert (index.seed, index.epoch) == (3, 2)


def test_indices_with_seed_and_epoch_are_unchanged():
    sampler = DefaultSampler([0] * 10, shuffle=False, seed=3)
    given = [SampleIndex(1, 7, 5), SampleIndex(2, 7, 5)]
    found = ResumableBatchSampler([given])
    found.batches = type('Batches', (list,), dict(sampler=sampler))([given])
    ((first, second),) = found
    assert first is given[0] and second is given[1]


def test_attributes_that_hooks_read():
    found = batches(epoch=0)
    assert found.batch_size == 4
    assert isinstance(found.sampler, DefaultSampler)
    assert not hasattr(found, 'nothing')
    loader = DataLoader(range(10), batch_sampler=found)
    found.skip(1)
    assert [len(batch) for batch in loader] == [4, 2] and len(loader) == 3
