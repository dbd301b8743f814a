import pytest

from mixmae.datasets.samplers import UpdateSampler, update_sampler
from mixmae.registry import DATA_SAMPLERS


def ranks(monkeypatch, world_size: int, length: int, **kwargs) -> list:
    """The samplers of all ranks."""
    samplers = []
    for rank in range(world_size):
        monkeypatch.setattr(
            update_sampler, 'get_dist_info', lambda r=rank: (r, world_size)
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


def test_ranks_deal_the_same_shuffle(monkeypatch):
    samplers = ranks(monkeypatch, 3, 50, batch_size=4)
    dealt = [list(sampler) for sampler in samplers]
    assert [len(indices) for indices in dealt] == [16, 16, 16]
    assert len({i for indices in dealt for i in indices}) == 48

    one = list(ranks(monkeypatch, 1, 50, batch_size=12)[0])
    # The first batches together are the first slice of the shuffle.
    first = {i for indices in dealt for i in indices[:4]}
    assert first == set(one[:12])


def test_epochs_differ_and_repeat(monkeypatch):
    (sampler,) = ranks(monkeypatch, 1, 21, batch_size=5, accumulative_counts=2)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first != second
    # What is dropped changes with the shuffle.
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


def test_is_built_as_mmengine_builds_samplers():
    sampler = DATA_SAMPLERS.build(
        dict(type='UpdateSampler', batch_size=2),
        default_args=dict(dataset=range(9), seed=None),
    )
    assert len(sampler) == 8
    assert sampler.seed is not None
