"""Which files of a data set are broken, and what takes their place."""

import functools
import logging
import os
from collections import Counter
from collections.abc import Callable
from math import gcd
from typing import Any

import torch
from mmengine.logging import print_log

from mixmae.datasets.corrupt.corrupt_file_list import BadFile
from mixmae.datasets.corrupt.corrupt_file_register import CorruptFileRegister
from mixmae.datasets.corrupt.corrupt_image_error import (
    CAUSES,
    CorruptImageError,
)
from mixmae.datasets.corrupt.data_error import DataError
from mixmae.datasets.samplers.sample_index import SampleIndex

# As many broken files are borne in any folder that is not tiny, so that one
# of ten does not stop a run.
FEW_BROKEN = 5
WORDS = tuple(CAUSES)


class TooManyCorruptFilesError(DataError):
    """More files are broken than the data set is to bear."""


class CorruptFiles:
    """Counts the broken files of a data set and finds stand-ins for them.

    The stand-in of a file depends on its index and on which files are broken
    alone, so that every worker, every epoch and a resumed run choose the same
    one; what is drawn for it depends on (seed, epoch, stand-in), see
    ``SeedSample``.

    What one worker of a loader finds, forked or spawned, the others know at
    once; with a register, ranks learn of each other, too.

    Args:
        count: of files in the data set.
        max_share: of them that may be broken, 0 to 1. More than

                max(int(max_share * count), min(5, count // 2))

            stop the run; with a share of 0 none is borne.

    Raises:
        ValueError: the share is out of range.
    """

    def __init__(self, count: int, max_share: float) -> None:
        if not 0 <= max_share <= 1:
            raise ValueError(
                f'max_broken_share must be from 0 to 1, got {max_share}'
            )
        self.count = count
        self.max_share = max_share
        self.allowed = 0
        if max_share > 0:
            few = min(FEW_BROKEN, count // 2)
            self.allowed = max(int(max_share * count), few)
        # 0 for sound, else the place of the cause in WORDS and 1.
        self._flags = torch.zeros(count, dtype=torch.uint8).share_memory_()
        # The same memory. Torch would take 20 us to look at one of them.
        self._seen = self._flags.numpy()
        self._register: CorruptFileRegister | None = None
        self._name = ''

    def attach(self, register: CorruptFileRegister, name: str = '') -> None:
        """Lists what is found from now on; before loaders start workers.

        Args:
            register: of the run.
            name: of the data set in it. What is listed under it counts as
                found. Without a name, files are listed but those of other
                processes do not count.
        """
        self._register, self._name = register, name
        if name:
            for index, cause in register.samples(name).items():
                if index < self.count:
                    self._flags[index] = _code(cause)

    def found(self) -> dict[int, str]:
        """Index and cause of the files that are known to be broken."""
        indices = self._flags.nonzero().flatten().tolist()
        found = {i: WORDS[int(self._flags[i]) - 1] for i in indices}
        if self._register is not None and self._name:
            found |= self._register.samples(self._name)
        return dict(sorted(found.items()))

    def knows(self, index: int) -> bool:
        """Whether a sample, from 0 on, is known to be broken."""
        return bool(self._seen[index])

    def deliver(self, index: int, prepare: Callable[[int], Any]) -> Any:
        """What ``prepare`` makes of a sample, or of its stand-in.

        Args:
            index: of the sample, from ``-count`` on.
            prepare: makes something of a sample; raises
                ``CorruptImageError`` if its file is broken.

        Raises:
            TooManyCorruptFilesError: one file too many is broken.
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
                broken = error
            # Outside of the handler: an error raised here is not about a
            # file that is missing.
            self._note(int(place), broken)
        raise TooManyCorruptFilesError(
            f'none of the {self.count} images can be used ({self.summary()})'
        )

    def summary(self) -> str:
        """Counts per cause, e.g. '2 truncated, 1 empty'."""
        counts = Counter(self.found().values())
        return ', '.join(f'{n} {cause}' for cause, n in counts.most_common())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # An array is sent as a copy; of a tensor, workers get the memory.
        self._seen = self._flags.numpy()

    def _note(self, index: int, error: CorruptImageError) -> None:
        # Setting one flag twice does no harm, so workers need no lock.
        self._flags[index] = _code(error.cause)
        if self._register is not None:
            sample = f'{self._name}/{index}' if self._name else ''
            path = os.path.abspath(error.path)
            self._register.add(BadFile(error.cause, path, sample))
        broken = len(self.found())
        message = f'{error}; {broken} of {self.count} files cannot be used'
        if broken > self.allowed:
            listed = ''
            if self._register is not None:
                listed = f' They are listed in {self._register.path}.'
            raise TooManyCorruptFilesError(
                f'{message} ({self.summary()}), {self.allowed} are allowed.'
                f'{listed} Mend or remove them, or raise '
                f'max_broken_share={self.max_share}'
            )
        print_log(
            f'{message}, {self.allowed} are allowed; another image takes its '
            f'place',
            logger='current',
            level=logging.WARNING,
        )


def _code(cause: str) -> int:
    # A word of a list that somebody else wrote is as bad as any.
    return WORDS.index(cause if cause in WORDS else 'damaged') + 1


@functools.cache
def _stride(count: int) -> int:
    """A step that visits all of ``count`` places, far apart.

    Broken files come in clusters; the next in line would then stand in for
    all of them.
    """
    stride = max(1, int(count * 0.618))
    while gcd(stride, count) != 1:
        stride += 1
    return stride
