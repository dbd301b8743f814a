from itertools import islice

import pytest
from mmengine.dataset import InfiniteSampler
from torch.utils.data import BatchSampler

from mixmae.datasets.samplers import InfiniteBatchSampler


def batches(rank: int = 0, ranks: int = 1) -> InfiniteBatchSampler:
    sampler = InfiniteSampler(range(10), shuffle=True, seed=3)
    sampler.rank, sampler.world_size = rank, ranks
    return InfiniteBatchSampler(BatchSampler(sampler, 4, drop_last=True))


def stamps(found, count: int) -> list:
    return [
        (int(index), index.seed, index.epoch)
        for batch in islice(iter(found), count)
        for index in batch
    ]


def test_each_pass_over_the_data_has_a_number():
    found = stamps(batches(), 5)
    assert [turn for _, _, turn in found] == [0] * 10 + [1] * 10
    assert {seed for _, seed, _ in found} == {3}
    for turn in (0, 1):
        assert sorted(i for i, _, t in found if t == turn) == list(range(10))


def test_ranks_share_a_pass():
    found = [stamps(batches(rank, 2), 5) for rank in range(2)]
    both = [one for share in zip(*found, strict=True) for one in share]
    assert both == stamps(batches(), 10)


@pytest.mark.parametrize('done', [1, 3])
def test_a_sampler_that_skipped_samples(done):
    whole = stamps(batches(), 8)
    found = batches()
    found.sampler.skip(4 * done)
    found.begin(4 * done)
    assert stamps(found, 8 - done) == whole[4 * done :]
