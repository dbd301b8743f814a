"""Which sample is asked for, and in which pass over the data."""

from __future__ import annotations

import random

import numpy as np
import torch


class SampleIndex(int):
    """The index of a sample that remembers seed and epoch.

    Samplers yield it in place of a plain int; it goes to the workers, and
    ``SeedSample`` makes the augmentations depend on it alone.

    Args:
        index: of the sample.
        seed: of the run.
        epoch: from 0.
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
        """Another sample of the same pass."""
        return SampleIndex(index, self.seed, self.epoch)


def seed_generators(*numbers: int) -> None:
    """Seeds Python's, NumPy's and PyTorch's generators by some numbers.

    The same numbers give the same streams, others independent ones. Of
    PyTorch the CPU's generator alone.
    """
    words = np.random.SeedSequence(numbers).generate_state(4).tolist()
    random.seed(words[0])
    np.random.seed(words[1])
    torch.default_generator.manual_seed((words[2] << 32) + words[3])
