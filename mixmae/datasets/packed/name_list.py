"""Millions of names in two arrays."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from mixmae.fileio.safe_path import path_fault

SLASH, SPACE = b'/ '
# Bytes of names that path_fault may reject: parent folders, drives, addresses,
# control characters of ASCII and, in UTF-8, of Latin-1.
ODD = re.compile(rb'(?=\.\.)|[:\\\x00-\x1f\x7f]|\xc2[\x80-\x9f]')


@dataclass(frozen=True)
class NameList:
    """Concatenated names; forked workers share them without copies.

    Attributes:
        blob: uint8, (bytes of all names,).
        ends: int64, (names,); name i is ``blob[ends[i - 1]:ends[i]]``.
    """

    blob: ndarray
    ends: ndarray

    @classmethod
    def of(cls, names: Iterable[bytes]) -> NameList:
        """Return a list of these names."""
        names = list(names)
        ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        return cls(np.frombuffer(b''.join(names), np.uint8), ends)

    @classmethod
    def joined(cls, lists: Iterable[NameList]) -> NameList:
        """Concatenate lists, at least one."""
        lists = list(lists)
        starts = itertools.accumulate(
            (len(one.blob) for one in lists), initial=0
        )
        ends = [one.ends + start for one, start in zip(lists, starts)]
        blobs = [one.blob for one in lists]
        return cls(np.concatenate(blobs), np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> bytes:
        index = range(len(self.ends))[index]
        start = self.ends[index - 1] if index else 0
        return self.blob[start : self.ends[index]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[index] for index in range(len(self)))

    def text(self, index: int) -> str:
        """Return a name; bytes that are not UTF-8 become lone surrogates."""
        return self[index].decode('utf-8', 'surrogateescape')

    def fault(self) -> str | None:
        """Describe the first name that is not a file below a folder, or None.

        Only suspicious names are checked one by one, so that a million names
        take milliseconds.
        """
        if not len(self):
            return None
        starts = np.concatenate([[0], self.ends[:-1]])
        empty = starts == self.ends
        if empty.any():
            return path_fault('')
        odd = np.isin(self.blob[starts], [SLASH, SPACE])
        suspects = set(np.flatnonzero(odd).tolist())
        places = [found.start() for found in ODD.finditer(self.blob.tobytes())]
        found = np.searchsorted(self.ends, places, side='right')
        suspects.update(found.tolist())
        faults = (path_fault(self.text(index)) for index in sorted(suspects))
        return next((fault for fault in faults if fault), None)
