"""Index of shards: the location of each sample, in one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray

from mixmae.datasets.packed.name_list import NameList
from mixmae.fileio.npz_file import read_arrays
from mixmae.fileio.safe_path import path_fault

# Index of a packed folder.
INDEX = 'index.npz'
# Exists next to it until packing is complete.
JOURNAL = 'packing.json'
FORMAT = 1
# Columns of the file and their types; each has one value per sample.
COLUMNS = {
    'shard': np.int32,
    'offset': np.int64,
    'size': np.int64,
    'crc32': np.int64,
    'label': np.int64,
}


class Shard(NamedTuple):
    """A tar file.

    Attributes:
        name: Path of the file, relative to the folder of the index.
        size: In bytes.
        sha256: SHA-256 of the file, in hexadecimal; '' if unknown.
        modified: Time of the last change, in ns, if the checksum is unknown;
            0 otherwise, so that an index depends only on the content.
    """

    name: str
    size: int
    sha256: str = ''
    modified: int = 0


class Sample(NamedTuple):
    """Location of an encoded image.

    Attributes:
        shard: Index of the shard.
        name: Name of the image in the shard.
        offset: Offset of its first byte in the shard.
        size: In bytes.
        crc32: CRC-32 of these bytes; None if unknown.
        label: Index of its class; None if it has none.
    """

    shard: int
    name: str
    offset: int
    size: int
    crc32: int | None
    label: int | None


@dataclass(frozen=True)
class SampleTable:
    """Samples of a set of shards, in order.

    Attributes:
        shards: The files.
        names: Names of the samples.
        columns: Arrays (samples,), see ``COLUMNS``; -1 stands for None.
        classes: Names of the classes, if they have names.
        made: Settings that the shards were written with.
    """

    shards: tuple[Shard, ...]
    names: NameList
    columns: dict[str, ndarray]
    classes: tuple[str, ...] | None = None
    made: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, shards: Sequence[Shard], samples: Sequence[Sample]
    ) -> SampleTable:
        """Return a table of these samples."""
        names = NameList.of(
            sample.name.encode('utf-8', 'surrogateescape')
            for sample in samples
        )
        columns = {}
        for key, kind in COLUMNS.items():
            values = [getattr(sample, key) for sample in samples]
            known = [-1 if value is None else value for value in values]
            columns[key] = np.array(known, kind)
        return cls(tuple(shards), names, columns)

    @classmethod
    def joined(cls, tables: Sequence[SampleTable]) -> SampleTable:
        """Concatenate the shards of tables, at least one."""
        shards: list[Shard] = []
        columns: dict[str, list[ndarray]] = {key: [] for key in COLUMNS}
        for table in tables:
            for key, parts in columns.items():
                shift = len(shards) if key == 'shard' else 0
                column = table.columns[key] + shift
                parts.append(column.astype(COLUMNS[key]))
            shards += table.shards
        return cls(
            tuple(shards),
            NameList.joined(table.names for table in tables),
            {key: np.concatenate(parts) for key, parts in columns.items()},
        )

    def __len__(self) -> int:
        return len(self.names)

    def sample(self, index: int) -> Sample:
        """Return sample ``index``."""
        shard, offset, size, crc32, label = (
            int(self.columns[key][index]) for key in COLUMNS
        )
        return Sample(
            shard,
            self.names.text(index),
            offset,
            size,
            None if crc32 < 0 else crc32,
            None if label < 0 else label,
        )

    def path(self, index: int) -> str:
        """Return the name of the shard, a slash, and the name in it."""
        shard = self.shards[int(self.columns['shard'][index])]
        return f'{shard.name}/{self.names.text(index)}'

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label."""
        return len(self) > 0 and bool((self.columns['label'] >= 0).all())

    def save(self, file: BinaryIO) -> None:
        """Write a NumPy archive; equal tables give equal bytes."""
        about = dict(
            format=FORMAT,
            shards=[shard._asdict() for shard in self.shards],
            classes=self.classes,
            made=self.made,
        )
        text = json.dumps(about, sort_keys=True).encode()
        arrays: dict[str, Any] = dict(
            about=np.frombuffer(text, np.uint8),
            names=self.names.blob,
            name_ends=self.names.ends,
            **self.columns,
        )
        np.savez(file, **arrays)


def read_table(path: str | PathLike) -> SampleTable:
    """Read a table written by ``SampleTable.save``.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is not a table, or is damaged.
    """
    try:
        # The archive verifies a checksum of each part.
        parts = read_arrays(path)
        about = json.loads(parts.pop('about').tobytes())
        if about['format'] != FORMAT:
            raise ValueError(
                f'it has format {about["format"]}, but this version of mixmae '
                f'reads format {FORMAT}'
            )
        table = SampleTable(
            tuple(Shard(**shard) for shard in about['shards']),
            NameList(parts['names'], parts['name_ends']),
            {key: parts[key] for key in COLUMNS},
            None if about['classes'] is None else tuple(about['classes']),
            dict(about['made']),
        )
        fault = _fault(table)
    except FileNotFoundError:
        raise
    except OSError as error:
        fault = error.strerror or str(error)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        fault = f'{type(error).__name__}: {error}'
    if fault is not None:
        raise ValueError(
            f'{Path(path)} is not a valid index of shards ({fault}); restore '
            'it, or pack the images again'
        )
    return table


def _fault(table: SampleTable) -> str | None:
    """Describe the inconsistency of a table, None if there is none."""
    ends, blob = table.names.ends, table.names.blob
    arrays = {'name_ends': (ends, np.int64), 'names': (blob, np.uint8)}
    arrays |= {
        key: (table.columns[key], kind) for key, kind in COLUMNS.items()
    }
    for key, (array, kind) in arrays.items():
        if array.ndim != 1 or array.dtype != kind:
            return f'{key} is of type {array.dtype}, shape {array.shape}'
        if key != 'names' and len(array) != len(ends):
            return f'{key} has {len(array)} values for {len(ends)} samples'
    last = int(ends[-1]) if len(ends) else 0
    outside = ((ends < 0) | (ends > len(blob))).any()
    if outside or (np.diff(ends) < 0).any() or last != len(blob):
        return 'name_ends and names do not match'
    shard, label = table.columns['shard'], table.columns['label']
    if ((shard < 0) | (shard >= len(table.shards))).any():
        return 'a sample refers to an unlisted shard'
    for key in ('offset', 'size'):
        if (table.columns[key] < 0).any():
            return f'{key} is negative'
    if table.classes is not None and (label >= len(table.classes)).any():
        return f'a label is out of range, must be below {len(table.classes)}'
    for one in table.shards:
        # bool is a subclass of int.
        numbers = type(one.size) is type(one.modified) is int
        if not numbers or one.size < 0 or not isinstance(one.sha256, str):
            return f'shard {one.name!r} has an invalid size or checksum'
        fault = path_fault(one.name)
        if fault is not None:
            return fault
    return _fault_of_places(table) or table.names.fault()


def _fault_of_places(table: SampleTable) -> str | None:
    """Describe a sample whose location is impossible, None if all are valid.

    The size of a shard is known to be that of the whole file only if its
    checksum is recorded. Shards without one are not compared here; whoever
    reads them notices a missing end.
    """
    ends = [
        # No file is larger, and int64 holds no more.
        min(one.size, 2**63 - 1) if one.sha256 else -1
        for one in table.shards
    ]
    limit = np.array([*ends, -1], np.int64)[table.columns['shard']]
    offset, size = table.columns['offset'], table.columns['size']
    # offset + size may overflow int64.
    beyond = (offset > limit) | (size > limit - offset)
    beyond &= (limit >= 0) & (size > 0)
    if not beyond.any():
        return None
    index = int(np.flatnonzero(beyond)[0])
    return (
        f'sample {index} claims {int(size[index]):,} bytes from byte '
        f'{int(offset[index]):,}, but its shard has {int(limit[index]):,}'
    )
