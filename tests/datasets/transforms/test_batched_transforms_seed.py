import pickle
import random

import numpy as np
import pytest
import torch

from mixmae.datasets.samplers.resumable_samplers import (
    SampleIndex,
    seed_generators,
)
from mixmae.datasets.transforms.batched_transforms import SeedSample


def drawn(index) -> tuple:
    found = SeedSample()({'sample_idx': index})
    assert type(found['sample_idx']) is int
    return random.random(), np.random.random(), torch.rand(1).item()


def test_depends_on_seed_epoch_and_sample_only():
    first = drawn(SampleIndex(3, 7, 2))
    random.random(), np.random.random(), torch.rand(9)
    assert drawn(SampleIndex(3, 7, 2)) == first
    others = [SampleIndex(4, 7, 2), SampleIndex(3, 8, 2), SampleIndex(3, 7, 1)]
    for other in others:
        assert not set(drawn(other)) & set(first)


def test_the_index_travels_to_workers_as_it_is():
    index = pickle.loads(pickle.dumps(SampleIndex(3, 7, 2)))
    assert (index, index.seed, index.epoch) == (3, 7, 2)
    moved = index.at(5)
    assert (moved, moved.seed, moved.epoch) == (5, 7, 2)


def test_a_plain_index_is_refused():
    with pytest.raises(ValueError, match='sample_idx 3.*UpdateSampler'):
        SeedSample()({'sample_idx': 3})


def test_a_fallback_sample_is_seeded_by_the_same_epoch():
    transform = SeedSample()
    transform({'sample_idx': SampleIndex(3, 7, 2)})
    found = transform({'sample_idx': 5})
    assert found == {'sample_idx': 5}
    again = random.random(), np.random.random(), torch.rand(1).item()
    assert again == drawn(SampleIndex(5, 7, 2))


def test_random_streams_are_stable_across_versions():
    """Otherwise resumed runs would draw other crops after an upgrade."""
    seed_generators(1, 2, 3)
    drawn = random.getrandbits(32), np.random.randint(2**31)
    assert drawn == (762547018, 1990232836)
    assert torch.randint(2**31, ()).item() == 289350370


def test_random_streams_differ():
    first = []
    for step in range(200):
        seed_generators(0, 0, step)
        first.append((random.random(), np.random.random(), torch.rand(1)))
    numbers = np.array([[float(x) for x in row] for row in first])
    assert len(np.unique(numbers)) == numbers.size
    assert abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.25
    assert abs(numbers.mean(0) - 0.5).max() < 0.1
