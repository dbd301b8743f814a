"""Opens every image in shards, and compares all sums."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from mixmae.data_tools.verification.image_files import (
    Inspection,
    faulty,
    inspect_image,
)
from mixmae.data_tools.verification.image_folder import FolderReport
from mixmae.data_tools.verification.image_notes import ImageNotes
from mixmae.datasets.corrupt.corrupt_file_list import BadFile
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ANY_SIZE, PLAIN, ImageLimits
from mixmae.datasets.packed.sample_table import (
    INDEX,
    JOURNAL,
    Sample,
    SampleTable,
    Shard,
)
from mixmae.datasets.packed.shard_reader import ShardReader
from mixmae.datasets.packed_images import table_of
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.checksummed_write import digest_of
from mixmae.fileio.image_listing import check_folder
from mixmae.fileio.parallel_map import LostWorkerError, parallel_map


class PackedSample(NamedTuple):
    """An image, and the shard that it lies in."""

    shard: Shard
    sample: Sample


class PackedSamples(Sequence[PackedSample]):
    """Those of a table, made when they are asked for."""

    def __init__(self, table: SampleTable) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> PackedSample: ...

    @overload
    def __getitem__(self, index: slice) -> list[PackedSample]: ...

    def __getitem__(
        self, index: int | slice
    ) -> PackedSample | list[PackedSample]:
        """A sample, or a list of some."""
        rows = range(len(self))[index]
        if isinstance(rows, range):
            return [self[row] for row in rows]
        sample = self.table.sample(rows)
        shard = self.table.shards[sample.shard]
        return PackedSample(shard, sample._replace(shard=0))


def is_packed(place: Path) -> bool:
    """Whether it is a tar, a folder that pack.py made, or one of tars.

    A folder that has images or folders beside tars, as ImageNet's has its
    archives, is one of images.

    Raises:
        ValueError: it cannot be looked into.
    """
    if not place.is_dir():
        return place.suffix.lower() == '.tar'
    check_folder(place)
    if any((place / name).is_file() for name in (INDEX, JOURNAL)):
        return True
    shown = [one for one in place.iterdir() if not one.name.startswith('.')]
    suffixes = {one.suffix.lower() for one in shown}
    images = suffixes & set(SUFFIXES) or any(one.is_dir() for one in shown)
    return '.tar' in suffixes and not images


def verify_shards(
    place: Path,
    limits: ImageLimits = ANY_SIZE,
    workers: int = 0,
    sums_only: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    decoding: ImageDecoding = PLAIN,
) -> FolderReport:
    """Compares the sums of shards, and opens all images in them.

    Args:
        place: ``data_root`` of a ``PackedImages``.
        limits: those of ``LoadImage``.
        workers: processes that read; 0 or 1 for this one alone.
        sums_only: whether to decode nothing.
        progress: is told how many shards and images are done, of how many,
            and a note.
        decoding: that of ``LoadImage``.

    Returns:
        What is bad, relative to the folder: images, and shards whose SHA-256
        is another though all their images may be sound.

    Raises:
        ValueError: there are no shards, or a worker was killed.
    """
    if workers < 0:
        raise ValueError(f'workers must be 0 or more, got {workers}')
    table, _ = table_of(str(place))
    folder = str(place.parent if place.is_file() else place)
    summed = [shard for shard in table.shards if shard.sha256]
    total = len(summed) + len(table)
    report = FolderReport()
    shard_fault = functools.partial(_shard_fault, folder=folder)
    inspect_sample = functools.partial(
        _inspect_sample,
        folder=folder,
        limits=None if sums_only else limits,
        decoding=decoding,
    )
    notes = ImageNotes(decoding)
    done = 0
    try:
        for shard, cause in zip(
            summed, parallel_map(shard_fault, summed, workers)
        ):
            done += 1
            if cause:
                report.bad.append(BadFile(cause, shard.name))
            progress(done, total, f'{len(report.bad)} bad')
        contents = parallel_map(inspect_sample, PackedSamples(table), workers)
        for index, content in enumerate(contents):
            done += 1
            report.opened += 1
            notes.add(content)
            if content.cause:
                report.add_bad(table.path(index), content)
            progress(done, total, f'{len(report.bad)} bad')
    except LostWorkerError:
        raise ValueError(
            'a process that reads shards was killed, for want of memory '
            'perhaps; take fewer workers or a limit of pixels'
        ) from None
    report.notes = notes.lines()
    return report


def _shard_fault(shard: Shard, folder: str) -> str:
    """The cause, one of ``CAUSES``; '' if the shard is what was packed."""
    try:
        same = digest_of(Path(folder, shard.name)) == shard.sha256
    except (FileNotFoundError, NotADirectoryError):
        return 'missing'
    except OSError:
        return 'unreadable'
    return '' if same else 'wrong sum'


def _inspect_sample(
    packed: PackedSample,
    folder: str,
    limits: ImageLimits | None,
    decoding: ImageDecoding,
) -> Inspection:
    reader = ShardReader(folder, [packed.shard])
    try:
        data = reader.read(packed.sample)
    except CorruptImageError as error:
        return faulty(error)
    if limits is None:
        return Inspection()
    path = os.path.join(folder, packed.sample.name)
    return inspect_image(path, limits, decoding, data)
