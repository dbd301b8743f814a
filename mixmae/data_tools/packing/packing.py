"""Packing of images into shards; ``shards`` writes each of them.

During the work everything is in ``OUT.partial``, with a table next to each
complete shard; an interrupted call is resumed after the last of these. The
folder gets its final name when everything is complete:

    OUT/shard-00000.tar, ...    the images
    OUT/index.npz               a ``SampleTable``
    OUT/corrupt_files.txt       files that could not be packed, if any
    OUT/SHA256SUMS              checksums of these files, as by ``sha256sum``
"""

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from mixmae.data_tools.packing.pack_settings import (
    PackReport,
    PackSettings,
    held_folder,
)
from mixmae.data_tools.packing.pack_source import PackSource
from mixmae.data_tools.packing.shrinking import ShrunkImage, shard_files
from mixmae.data_tools.packing.tiling import tile_name
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    read_corrupt_files,
    write_corrupt_files,
)
from mixmae.datasets.packed.sample_table import (
    INDEX,
    JOURNAL,
    SampleTable,
    read_table,
)
from mixmae.datasets.packed.shards import (
    EncodedImage,
    shard_name,
    write_shard,
)
from mixmae.fileio.atomic_write import (
    atomic_write,
    digest_of,
    write_text_durably,
)
from mixmae.fileio.shown_text import escape
from mixmae.fileio.worker_processes import LostWorkerError, parallel_map

SUMS = 'SHA256SUMS'
CORRUPT_FILES = 'corrupt_files.txt'
PART = '.part.npz'


def pack(
    source: PackSource,
    out: Path,
    settings: PackSettings,
    workers: int = 0,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> PackReport:
    """Write the images of a source into shards below ``out``.

    The same files in the same order, settings and version of Pillow give the
    same bytes, for any number of workers and interruptions.

    Args:
        source, settings: What is packed, and how.
        out: Output folder; missing parents are created.
        workers: Number of processes that read and reduce images; 0 or 1 for
            the current process only.
        progress: Called with the number of finished files, the total, and a
            note.

    Raises:
        ValueError: ``out`` contains something else, an unfinished pack has
            other files or settings, no file can be packed, a worker was
            killed, or the disk is full. Finished work is kept.
    """
    if workers < 0:
        raise ValueError(f'workers must be 0 or more, got {workers}')
    if settings.shuffle is not None:
        source = source.shuffled(settings.shuffle)
    made = settings.made(source)
    if os.path.lexists(out):
        return _found(out, made)
    partial = out.with_name(out.name + '.partial')
    try:
        with held_folder(partial, made):
            packing = _Packing(source, partial, settings, made)
            packing.run(workers, progress)
            partial.rename(out)
            (out / JOURNAL).unlink()
    except OSError as error:
        raise ValueError(
            f'{error.filename or partial}: {error.strerror or error}; run the '
            'same command to continue after the last complete shard in '
            f'{partial}'
        ) from error
    except LostWorkerError:
        raise ValueError(
            'a worker process was killed, possibly because memory ran out; '
            'use fewer workers (run the same command to continue after the '
            'last complete shard)'
        ) from None
    return packing.report


def _found(out: Path, made: dict[str, Any]) -> PackReport:
    """Return the report on an existing pack, if it is the same."""
    try:
        table = read_table(out / INDEX)
    except (FileNotFoundError, ValueError):
        table = None
    if table is None or table.made != made:
        raise ValueError(
            f'{out} exists, but was packed from other files or with other '
            'settings; remove it, or choose another folder'
        )
    report = PackReport(found=len(table))
    _describe(report, table, out)
    return report


def _describe(report: PackReport, table: SampleTable, folder: Path) -> None:
    """Complete the report of a finished pack."""
    report.images = len(table)
    report.shards = len(table.shards)
    report.size = sum(shard.size for shard in table.shards)
    report.dotted = sum(
        name.rpartition(b'/')[2].count(b'.') > 1 for name in table.names
    )
    # The second one is the name until version 0.1.
    for name in (CORRUPT_FILES, 'bad_files.txt'):
        if (folder / name).is_file():
            report.bad = read_corrupt_files(folder / name)


@dataclass
class _Packing:
    """Packing into one folder."""

    source: PackSource
    partial: Path
    settings: PackSettings
    made: dict[str, Any]
    report: PackReport = field(default_factory=PackReport)
    # Detail of the first file that could not be packed, in this call.
    first_fault: str = ''
    # Next file of the source, and its next tile: all earlier ones are in
    # shards, or bad.
    next: int = 0
    tile: int = 0

    def run(
        self, workers: int, progress: Callable[[int, int, str], None]
    ) -> None:
        """Continue after the existing shards."""
        if (self.partial / SUMS).is_file():
            # The last file to be written.
            return self._report(read_table(self.partial / INDEX))
        tables = self._complete()
        noted = len(self.report.bad)
        self.report.found = sum(len(table) for table in tables)
        images = self._images(workers, progress)
        image = next(images, None)
        while image is not None:
            path = self.partial / shard_name(len(tables))
            table, image = write_shard(
                path, chain([image], images), self.settings.shard_bytes
            )
            bad = self.report.bad[noted:]
            state = dict(next=self.next, tile=self.tile, bad=bad)
            noted = len(self.report.bad)
            _save(replace(table, made=state), part_of(path))
            tables.append(table)
        if not tables:
            first = self.report.bad[0]
            raise ValueError(
                f'none of the {len(self.source.names)} files can be packed; '
                f'the first, {escape(first.path)}, is: {first.cause}'
                + (f' ({self.first_fault})' if self.first_fault else '')
            )
        self._finish(tables)

    def _images(
        self, workers: int, progress: Callable[[int, int, str], None]
    ) -> Iterator[EncodedImage]:
        """Yield the images that can be packed, from the next file on."""
        names, labels = self.source.names, self.source.labels
        function = functools.partial(shard_files, settings=self.settings)
        first, skipped = self.next, self.tile
        paths = [
            os.path.join(self.source.folder, name) for name in names[first:]
        ]
        contents = parallel_map(function, paths, workers)
        taken = set(names) if self.settings.tile else set()
        for index, files in enumerate(contents, first):
            self.report.tiled += len(files) > 1
            for number, file in enumerate(files):
                if file.cause:
                    self._leave_out(names[index], file)
                elif index > first or number >= skipped:
                    self.next, self.tile = index, number
                    self.report.shrunk += file.shrunk
                    self.report.large += file.is_large
                    label = None if labels is None else labels[index]
                    name = tile_name(names[index], file.place, taken)
                    yield EncodedImage(name, file.data, label)
            bad = len(self.report.bad)
            progress(index + 1, len(names), f'{bad} corrupt' if bad else '')
        self.next, self.tile = len(names), 0

    def _leave_out(self, name: str, file: ShrunkImage) -> None:
        self.report.bad.append(CorruptFile(file.cause, name))
        if file.cause == 'unsupported':
            self.report.unsupported[file.kind] += 1
        self.first_fault = self.first_fault or file.detail

    def _complete(self) -> list[SampleTable]:
        """Return tables of the existing shards; remove what follows."""
        tables: list[SampleTable] = []
        while True:
            path = self.partial / shard_name(len(tables))
            try:
                table = read_table(part_of(path))
                if path.stat().st_size != table.shards[0].size:
                    break
            except (FileNotFoundError, ValueError):
                break
            self.next = table.made['next']
            self.tile = table.made.get('tile', 0)
            self.report.bad += [CorruptFile(*bad) for bad in table.made['bad']]
            tables.append(table)
        keep = {shard_name(number) for number in range(len(tables))}
        for path in self.partial.glob('*shard-*'):
            if path.name.removesuffix(PART) not in keep:
                path.unlink()
        return tables

    def _finish(self, tables: list[SampleTable]) -> None:
        table = replace(
            SampleTable.joined(tables),
            classes=self.source.classes,
            made=self.made,
        )
        index = self.partial / INDEX
        _save(table, index)
        sums = {shard.name: shard.sha256 for shard in table.shards}
        sums[INDEX] = digest_of(index)
        if self.report.bad:
            corrupt_files = self.partial / CORRUPT_FILES
            write_corrupt_files(corrupt_files, self.report.bad, 'not packed')
            sums[CORRUPT_FILES] = digest_of(corrupt_files)
        lines = [f'{sum_}  {name}\n' for name, sum_ in sorted(sums.items())]
        write_text_durably(self.partial / SUMS, ''.join(lines))
        self._report(table)

    def _report(self, table: SampleTable) -> None:
        """Remove the parts of a finished pack, and report it."""
        for path in self.partial.glob(f'*{PART}'):
            path.unlink()
        _describe(self.report, table, self.partial)


def _save(table: SampleTable, path: Path) -> None:
    """Write a table atomically, to the disk."""
    with atomic_write(path) as partial, partial.open('wb') as file:
        table.save(file)
        file.flush()
        os.fsync(file.fileno())


def part_of(shard: Path) -> Path:
    """Return the path of a shard's table during packing."""
    return shard.with_name(shard.name + PART)
