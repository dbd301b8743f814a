"""Batch sampler that starts in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mixmae.datasets.samplers.sample_index import SampleIndex


class ResumableBatchSampler:
    """Batch sampler that skips the batches that a run has already seen.

    Wraps any batch sampler over any sampler whose order depends only on a
    seed and the epoch. Skipped batches are not loaded. The returned indices
    carry seed and epoch; see ``SeedSample``.

    Args:
        batches: The batch sampler; its ``sampler`` has a seed and an epoch.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self._skipped = 0

    def skip(self, batches: int) -> None:
        """Skip the first batches of the next pass."""
        self._skipped = batches

    def __iter__(self) -> Iterator[list[int]]:
        first, self._skipped = self._skipped, 0
        for batch in islice(iter(self.batches), first, None):
            yield [self._stamped(index) for index in batch]

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        # Hooks read the sampler and the batch size.
        if name == 'batches':
            raise AttributeError(name)
        return getattr(self.batches, name)

    def _stamped(self, index: int) -> int:
        sampler = self.batches.sampler
        if isinstance(index, SampleIndex):
            return index
        return SampleIndex(index, sampler.seed, sampler.epoch)
