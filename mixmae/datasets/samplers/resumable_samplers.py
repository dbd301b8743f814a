"""Samplers that shuffle, keep whole updates only, and resume in mid-epoch.

``UpdateSampler`` drops the images at the end of an epoch that would not fill
an update. The batch samplers skip what a resumed run has seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.runner import Runner
from torch.utils.data import Sampler

from mixmae.registry import DATA_SAMPLERS


class SampleIndex(int):
    """Index of a sample that carries seed and epoch.

    Samplers yield it in place of a plain int; it is passed to the workers,
    where ``SeedSample`` makes the augmentations depend on it alone.
    MMEngine's ``ConcatDataset`` and ``RepeatDataset`` subtract from it or take
    its remainder.

    Args:
        index: Index of the sample.
        seed: Seed of the run.
        epoch: Epoch, from 0.
        offset: What wrappers have taken off the index. It is added again for
            the augmentations, which therefore differ for equal indices of
            joined data sets and for repetitions of a sample.
    """

    seed: int
    epoch: int
    offset: int

    def __new__(
        cls, index: int, seed: int = 0, epoch: int = 0, offset: int = 0
    ) -> SampleIndex:
        self = super().__new__(cls, index)
        self.seed = seed
        self.epoch = epoch
        self.offset = offset
        return self

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.seed, self.epoch, self.offset)

    def __sub__(self, other: int) -> SampleIndex:
        offset = self.offset + other
        return SampleIndex(int(self) - other, self.seed, self.epoch, offset)

    def __mod__(self, other: int) -> SampleIndex:
        return self - (int(self) - int(self) % other)

    def at(self, index: int) -> SampleIndex:
        """Return another sample of the same pass."""
        return SampleIndex(index, self.seed, self.epoch, self.offset)


def seed_generators(*numbers: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators by some numbers.

    Equal numbers give equal streams, different numbers independent ones.
    For PyTorch only the CPU generator is seeded.
    """
    words = np.random.SeedSequence(numbers).generate_state(4).tolist()
    random.seed(words[0])
    np.random.seed(words[1])
    torch.default_generator.manual_seed((words[2] << 32) + words[3])


@DATA_SAMPLERS.register_module()
class UpdateSampler(Sampler[int]):
    """Sampler that shuffles and drops images that do not fill an update.

    MMEngine accumulates gradients across epoch boundaries. ImageNet on 8
    ranks with batches of 128 has 1,251 micro-iterations; with 2 of them per
    update, every other epoch would end within an update, and a run resumed
    there would lose half a gradient. This sampler yields 1,250
    micro-iterations: 625 updates, as in the official training. The shuffle
    determines which images are dropped.

    The k-th batches of all ranks together are the k-th slice of the shuffled
    list, so that 2 ranks with batches of b see the same images as 1 rank with
    batches of 2b.

    Args:
        dataset: The dataset; only its length is used.
        batch_size: Images per rank and micro-iteration. ``ResumableTrainLoop``
            and ``ResumableIterLoop`` set it from the data loader; otherwise
            None drops only the images that do not fill all ranks.
        accumulative_counts: Micro-iterations per update. The loops set it
            from the optimizer wrapper.
        shuffle: Whether to shuffle; the order depends on seed and epoch.
        seed: The same on all ranks; drawn and synchronised when None.

    Raises:
        ValueError: The dataset does not fill a single update.
    """

    def __init__(
        self,
        dataset: Sized,
        batch_size: int | None = None,
        accumulative_counts: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        size = 1 if batch_size is None else batch_size
        counts = 1 if accumulative_counts is None else accumulative_counts
        if size < 1 or counts < 1:
            raise ValueError(
                'batch_size and accumulative_counts of UpdateSampler must be '
                f'at least 1, got {batch_size} and {accumulative_counts}'
            )
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.batch_size = batch_size
        self.accumulative_counts = counts
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._skipped = 0

        per_update = self.world_size * size * counts
        self.total_size = len(dataset) // per_update * per_update
        if self.total_size == 0:
            raise ValueError(
                f'{len(dataset)} images do not fill one update of '
                f'{self.world_size} ranks x batch {size} x {counts} '
                f'accumulated = {per_update}; reduce '
                'train_dataloader.batch_size or '
                'optim_wrapper.accumulative_counts, or use more images'
            )

    def __iter__(self) -> Iterator[int]:
        first, self._skipped = self._skipped, 0
        if self.shuffle:
            generator = torch.Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = torch.randperm(len(self.dataset), generator=generator)
        else:
            order = torch.arange(len(self.dataset))
        kept = order[: self.total_size][self.rank :: self.world_size]
        for index in kept[first:].tolist():
            yield SampleIndex(index, self.seed, self.epoch)

    def __len__(self) -> int:
        return self.total_size // self.world_size

    def skip(self, samples: int) -> None:
        """Skip the first samples of this rank in the next pass."""
        self._skipped = samples

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the shuffle, counted from 0."""
        self.epoch = epoch


class _WrappedBatches:
    """Batch sampler around another one, with its attributes.

    Hooks read its sampler and its batch size.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        # Missing only while the object is unpickled.
        if name == 'batches':
            raise AttributeError(name)
        return getattr(self.batches, name)


class ResumableBatchSampler(_WrappedBatches):
    """Batch sampler that skips the batches that a run has already seen.

    Wraps any batch sampler over any sampler whose order depends only on a
    seed and the epoch. Skipped batches are not loaded. The returned indices
    carry seed and epoch; see ``SeedSample``.

    Args:
        batches: The batch sampler; its ``sampler`` has a seed and an epoch.
    """

    def __init__(self, batches: Any) -> None:
        super().__init__(batches)
        self._skipped = 0

    def skip(self, batches: int) -> None:
        """Skip the first batches of the next pass."""
        self._skipped = batches

    def __iter__(self) -> Iterator[list[int]]:
        first, self._skipped = self._skipped, 0
        for batch in islice(self.batches, first, None):
            yield [self._stamped(index) for index in batch]

    def _stamped(self, index: int) -> int:
        sampler = self.batches.sampler
        if isinstance(index, SampleIndex):
            return index
        return SampleIndex(index, sampler.seed, sampler.epoch)


class InfiniteBatchSampler(_WrappedBatches):
    """Batch sampler that adds seed and epoch to each index.

    MMEngine's ``InfiniteSampler`` repeats the data in a new order for each
    pass. With N images, the k-th image, over all ranks, belongs to pass
    k // N. See ``SeedSample``.

    Args:
        batches: A batch sampler over an ``InfiniteSampler``.
    """

    def __init__(self, batches: Any) -> None:
        super().__init__(batches)
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


def update_loader(loader: Any, runner: Runner) -> Any:
    """Complete the ``UpdateSampler`` of a data loader's config.

    Args:
        loader: Config of a data loader, or a built one, which is returned.
        runner: Runner with an optimizer wrapper or its config.

    Returns:
        A config whose sampler has the batch size of the loader and the
        accumulation of the optimizer wrapper, unless the sampler sets them
        itself.
    """
    if not isinstance(loader, Mapping):
        return loader
    sampler = loader.get('sampler')
    if sampler is None or not is_update_sampler(sampler):
        return loader
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, Mapping):
        counts = wrapper.get('accumulative_counts', 1)
    else:
        counts = getattr(wrapper, '_accumulative_counts', 1)
    own = {key: value for key, value in sampler.items() if value is not None}
    filled = dict(
        batch_size=loader.get('batch_size'), accumulative_counts=counts
    )
    return {**loader, 'sampler': {**filled, **own}}


def is_update_sampler(sampler: Any) -> bool:
    """Return True if a sampler config is that of an ``UpdateSampler``."""
    if not isinstance(sampler, Mapping):
        return False
    kind = sampler.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.split('.')[-1] == 'UpdateSampler'
