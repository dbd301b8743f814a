"""Infinite batch sampler whose indices carry their epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler

from mixmae.datasets.samplers.sample_index import SampleIndex


class InfiniteBatchSampler:
    """Batch sampler that adds seed and epoch to each index.

    MMEngine's ``InfiniteSampler`` repeats the data in a new order for each
    pass. With N images, the k-th image, over all ranks, belongs to pass
    k // N. See ``SeedSample``.

    Args:
        batches: A batch sampler over an ``InfiniteSampler``.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self._taken = 0

    def begin(self, samples: int) -> None:
        """Set the number of samples of this rank that the sampler skipped."""
        self._taken = samples

    def __iter__(self) -> Iterator[list[int]]:
        sampler: InfiniteSampler = self.batches.sampler
        for batch in self.batches:
            stamped: list[int] = []
            for index in batch:
                place = self._taken * sampler.world_size + sampler.rank
                turn = place // sampler.size
                stamped.append(SampleIndex(index, sampler.seed, turn))
                self._taken += 1
            yield stamped

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':
            raise AttributeError(name)
        return getattr(self.batches, name)
