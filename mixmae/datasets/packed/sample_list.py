"""Rows of a sample table, as the data list of MMEngine's ``BaseDataset``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from mixmae.datasets.packed.sample_table import (
    Sample,
    SampleTable,
    read_table,
)


class SampleList:
    """Samples of a table, in any order; replaces a list of dicts.

    Forked workers share its arrays; pickling, for spawned workers, stores
    only the name of the index.

    Args:
        folder: Folder of the shards.
        table: Table of all samples.
        index: File that the table was read from; None if there is none.
        rows: Rows of the table, int64 (samples,); None for all.
        with_label: Whether to return ``gt_label``.
    """

    def __init__(
        self,
        folder: str,
        table: SampleTable,
        index: str | None = None,
        rows: ndarray | None = None,
        with_label: bool = False,
    ) -> None:
        self.folder = folder
        self.table = table
        self.index = index
        self.rows = rows
        self.with_label = with_label

    def __len__(self) -> int:
        return len(self.table) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int | slice) -> Any:
        """Return ``dict(img_path=...)`` of a sample, or a list of several."""
        if isinstance(index, slice):
            return self.take(range(len(self))[index])
        row = self._row(index)
        info = dict(img_path=os.path.join(self.folder, self.table.path(row)))
        if self.with_label:
            return info | dict(gt_label=int(self.table.columns['label'][row]))
        return info

    def __iter__(self) -> Iterator[dict]:
        return (self[index] for index in range(len(self)))

    def sample(self, index: int) -> Sample:
        """Return the location of sample ``index`` of this list."""
        return self.table.sample(self._row(index))

    def take(self, indices: Sequence[int]) -> SampleList:
        """Return a list of the samples at these indices."""
        chosen = np.asarray(indices, np.int64)
        if self.rows is not None:
            chosen = self.rows[chosen]
        return SampleList(
            self.folder, self.table, self.index, chosen, self.with_label
        )

    def _row(self, index: int) -> int:
        place = range(len(self))[index]
        return place if self.rows is None else int(self.rows[place])

    def __deepcopy__(self, memo: dict) -> SampleList:
        # The list is immutable.
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.index is not None:
            state['table'] = _stamp(self.index)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.index is None:
            return
        if _stamp(self.index) != state['table']:
            raise ValueError(
                f'the index {self.index} was replaced during the start of the '
                'run; start the run again'
            )
        self.table = read_table(self.index)


def _stamp(index: str) -> tuple[int, int]:
    """Return values that change when a file is replaced."""
    about = os.stat(index)
    return about.st_size, about.st_mtime_ns
