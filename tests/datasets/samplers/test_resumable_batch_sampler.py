from itertools import chain

import pytest
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler, DataLoader

from mixmae.datasets.samplers import ResumableBatchSampler
from mixmae.datasets.samplers.sample_index import SampleIndex


def batches(epoch: int) -> ResumableBatchSampler:
    sampler = DefaultSampler(range(10), shuffle=True, seed=3)
    sampler.set_epoch(epoch)
    return ResumableBatchSampler(BatchSampler(sampler, 4, drop_last=False))


@pytest.mark.parametrize('done', [0, 1, 2, 3])
def test_what_has_been_seen_is_left_out_once(done):
    found = batches(epoch=2)
    whole = list(found)
    assert [len(batch) for batch in whole] == [4, 4, 2]
    assert sorted(chain.from_iterable(whole)) == list(range(10))
    found.skip(done)
    assert len(found) == 3
    assert list(found) == whole[done:]
    assert list(found) == whole


def test_samples_know_seed_and_epoch():
    for index in chain.from_iterable(batches(epoch=2)):
        assert isinstance(index, SampleIndex)
        assert (index.seed, index.epoch) == (3, 2)


def test_indices_that_know_are_passed_on_as_they_are():
    sampler = DefaultSampler([0] * 10, shuffle=False, seed=3)
    given = [SampleIndex(1, 7, 5), SampleIndex(2, 7, 5)]
    found = ResumableBatchSampler([given])
    found.batches = type('Batches', (list,), dict(sampler=sampler))([given])
    ((first, second),) = found
    assert first is given[0] and second is given[1]


def test_hooks_find_what_they_ask_for():
    found = batches(epoch=0)
    assert found.batch_size == 4
    assert isinstance(found.sampler, DefaultSampler)
    assert not hasattr(found, 'nothing')
    loader = DataLoader(range(10), batch_sampler=found)
    found.skip(1)
    assert [len(batch) for batch in loader] == [4, 2] and len(loader) == 3
