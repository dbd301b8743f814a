"""Index of a sample, with the pass over the data that it belongs to."""

from __future__ import annotations

import random

import numpy as np
import torch


class SampleIndex(int):
    """Index of a sample that carries seed and epoch.

    Samplers yield it in place of a plain int; it is passed to the workers,
    where ``SeedSample`` makes the augmentations depend on it alone.

    Args:
        index: Index of the sample.
        seed: Seed of the run.
        epoch: Epoch, from 0.
    """

    seed: int
    epoch: int

    def __new__(cls, index: int, seed: int = 0, epoch: int = 0) -> SampleIndex:
        self = super().__new__(cls, index)
        self.seed = seed
        self.epoch = epoch
        return self

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.seed, self.epoch)

    def at(self, index: int) -> SampleIndex:
        """Return another sample of the same pass."""
        return SampleIndex(index, self.seed, self.epoch)


def seed_generators(*numbers: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators by some numbers.

    Equal numbers give equal streams, different numbers independent ones.
    For PyTorch only the CPU generator is seeded.
    """
    words = np.random.SeedSequence(numbers).generate_state(4).tolist()
    random.seed(words[0])
    np.random.seed(words[1])
    torch.default_generator.manual_seed((words[2] << 32) + words[3])
