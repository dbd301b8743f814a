"""Corrupt files of a dataset: their number, and fallback samples.

``ImageSet`` has them built in; ``CorruptFilesHook`` adds them to data sets of
other libraries, and keeps their list (``corrupt_file_list``) in the work
folder.
"""

import functools
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from math import gcd
from typing import Any

import torch
from mmengine.logging import print_log

from mixmae.config.failure_report import DataError
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    CorruptFileRegister,
)
from mixmae.datasets.corrupt.corrupt_image_error import (
    CAUSES,
    CorruptImageError,
)
from mixmae.datasets.samplers.resumable_samplers import SampleIndex

# Lower bound on the allowed number of corrupt files, except in tiny
# folders, so that one of ten does not stop a run.
FEW_CORRUPT = 5
# Of a data set without ``CorruptFilesHook``, and the hook's default.
MAX_RATIO = 0.01
WORDS = tuple(CAUSES)


class TooManyCorruptFilesError(DataError):
    """More files are corrupt than the dataset allows."""


class CorruptFiles:
    """Count the corrupt files of a dataset and choose fallback samples.

    The fallback sample of a file depends only on its index and on the set of
    corrupt files, so every worker, every epoch and a resumed run choose the
    same one; its augmentations depend on (seed, epoch, fallback sample), see
    ``SeedSample``.

    All workers of a loader, forked or spawned, share the record immediately;
    with a register, ranks share it, too.

    Args:
        count: Number of files in the dataset.
        max_ratio: Largest share of corrupt files, 0 to 1. More than

                max(int(max_ratio * count), min(5, count // 2))

            stop the run; with a share of 0 none is allowed.

    Raises:
        ValueError: The share is out of range.
    """

    def __init__(self, count: int, max_ratio: float = MAX_RATIO) -> None:
        self.count = count
        self.limit(max_ratio)
        # 0 for an intact file, else the index of the cause in WORDS plus 1.
        self._flags = torch.zeros(count, dtype=torch.uint8).share_memory_()
        # A view of the same memory: indexing the tensor would take 20 us.
        self._seen = self._flags.numpy()
        self._register: CorruptFileRegister | None = None
        self._name = ''

    def limit(self, max_ratio: float) -> None:
        """Set the largest share, before workers start.

        Raises:
            ValueError: It is out of range.
        """
        if not 0 <= max_ratio <= 1:
            raise ValueError(
                f'max_corrupt_ratio must be from 0 to 1, got {max_ratio}'
            )
        few = min(FEW_CORRUPT, self.count // 2) if max_ratio else 0
        self.max_ratio = max_ratio
        self.allowed = max(int(max_ratio * self.count), few)

    def attach(self, register: CorruptFileRegister, name: str = '') -> None:
        """Record corrupt files in a register; call it before workers start.

        Args:
            register: Register of the run.
            name: Name of the dataset in it. Entries under this name count as
                found. Without a name, files are listed but entries of other
                processes do not count.
        """
        self._register, self._name = register, name
        if name:
            for index, cause in register.samples(name).items():
                if index < self.count:
                    self._flags[index] = _code(cause)

    def found(self) -> dict[int, str]:
        """Return index and cause of the known corrupt files."""
        indices = self._flags.nonzero().flatten().tolist()
        found = {i: WORDS[int(self._flags[i]) - 1] for i in indices}
        if self._register is not None and self._name:
            found |= self._register.samples(self._name)
        return dict(sorted(found.items()))

    def knows(self, index: int) -> bool:
        """Return True if a sample, from 0 on, is known to be corrupt."""
        return bool(self._seen[index])

    def deliver(self, index: int, prepare: Callable[[int], Any]) -> Any:
        """Return ``prepare`` of a sample, or of its fallback sample.

        Args:
            index: Index of the sample, from ``-count`` on.
            prepare: Prepares a sample; raises ``CorruptImageError`` if its
                file is corrupt.

        Raises:
            TooManyCorruptFilesError: The number of corrupt files exceeds the
                limit.
        """
        stride = _stride(self.count)
        for step in range(self.count):
            place = (int(index) + step * stride) % self.count
            if self._seen[place]:
                continue
            if isinstance(index, SampleIndex):
                place = index.at(place)
            try:
                return prepare(place)
            except CorruptImageError as error:
                caught = error
            # Outside of the handler, so that an error raised here is not
            # reported as one of this file.
            self._note(int(place), caught)
        raise TooManyCorruptFilesError(
            f'none of the {self.count} images is usable ({self.summary()})'
        )

    def summary(self) -> str:
        """Return counts per cause, e.g. '2 truncated, 1 empty'."""
        counts = Counter(self.found().values())
        return ', '.join(f'{n} {cause}' for cause, n in counts.most_common())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # An array is pickled as a copy; a tensor shares memory with workers.
        self._seen = self._flags.numpy()

    def _note(self, index: int, error: CorruptImageError) -> None:
        # Setting a flag twice is harmless, so workers need no lock.
        self._flags[index] = _code(error.cause)
        if self._register is not None:
            sample = f'{self._name}/{index}' if self._name else ''
            path = os.path.abspath(error.path)
            self._register.add(CorruptFile(error.cause, path, sample))
        number = len(self.found())
        message = f'{error}; {number} of {self.count} files are corrupt'
        if number > self.allowed:
            listed = ''
            if self._register is not None:
                listed = f' They are listed in {self._register.path}.'
            raise TooManyCorruptFilesError(
                f'{message} ({self.summary()}), {self.allowed} are allowed.'
                f'{listed} Fix or remove them, or raise '
                f'max_corrupt_ratio={self.max_ratio}'
            )
        print_log(
            f'{message}, {self.allowed} are allowed; a fallback sample '
            'replaces it',
            logger='current',
            level=logging.WARNING,
        )


class FallbackPipeline:
    """Pipeline that uses a fallback sample where the image is corrupt.

    Replaces ``dataset.pipeline`` of MMEngine's ``BaseDataset`` and its
    subclasses, including mmpretrain's. A fallback sample has its own label.

    Args:
        dataset: Dataset that provides the fallback samples.
        corrupt_files: Record of its corrupt files.
    """

    def __init__(self, dataset: Any, corrupt_files: CorruptFiles) -> None:
        self.dataset = dataset
        self.pipeline = dataset.pipeline
        self.corrupt_files = corrupt_files

    @property
    def transforms(self) -> Sequence:
        """Transforms of the wrapped pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict) -> dict | None:
        """Apply the pipeline to ``results`` or to its fallback sample."""
        asked = results['sample_idx']

        def prepare(index: int) -> dict | None:
            if index != asked:
                return self.pipeline(self.dataset.get_data_info(index))
            return self.pipeline(results)

        return self.corrupt_files.deliver(asked, prepare)


def use_fallback_samples(dataset: Any, max_ratio: float) -> CorruptFiles:
    """Let fallback samples replace the corrupt images of a dataset.

    Args:
        dataset: One of ``image_sets``.
        max_ratio: See ``CorruptFiles``; a dataset with a
            ``max_corrupt_ratio`` of its own keeps that.
    """
    known = getattr(dataset, 'corrupt_files', None)
    if isinstance(known, CorruptFiles):
        if dataset.max_corrupt_ratio is None:
            known.limit(max_ratio)
        return known
    if not isinstance(dataset.pipeline, FallbackPipeline):
        corrupt_files = CorruptFiles(len(dataset), max_ratio)
        dataset.pipeline = FallbackPipeline(dataset, corrupt_files)
    return dataset.pipeline.corrupt_files


def _code(cause: str) -> int:
    # An unknown cause in a list from another source counts as damage.
    return WORDS.index(cause if cause in WORDS else 'damaged') + 1


@functools.cache
def _stride(count: int) -> int:
    """Return a step that visits all of ``count`` indices, far apart.

    Corrupt files come in clusters; with a step of 1, one sample would
    replace the whole cluster.
    """
    stride = max(1, int(count * 0.618))
    while gcd(stride, count) != 1:
        stride += 1
    return stride
