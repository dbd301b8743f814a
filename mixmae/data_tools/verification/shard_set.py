"""Verification of the images and checksums of shards."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixmae.data_tools.verification.image_files import (
    Inspection,
    faulty,
    inspect_image,
)
from mixmae.data_tools.verification.image_notes import ImageNotes
from mixmae.data_tools.verification.unlabelled_set import FolderReport
from mixmae.datasets.corrupt.corrupt_file_list import CorruptFile
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
from mixmae.fileio.atomic_write import digest_of
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import check_folder
from mixmae.fileio.worker_processes import LostWorkerError, parallel_map


class PackedSamples(Sequence[tuple[Shard, Sample]]):
    """The images of a table with their shards, created on access."""

    def __init__(self, table: SampleTable) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: Any) -> Any:
        """Return shard and image, or a list of these for a slice."""
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        sample = self.table.sample(range(len(self))[index])
        return self.table.shards[sample.shard], sample._replace(shard=0)


def is_packed(place: Path) -> bool:
    """Return True for a tar file or a folder of tars or of ``mixmae pack``.

    A folder with images or subfolders next to tars, such as ImageNet with its
    archives, is a folder of images.

    Raises:
        ValueError: The folder cannot be listed.
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
    checksums_only: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    decoding: ImageDecoding = PLAIN,
) -> FolderReport:
    """Compare the checksums of shards, and open all images in them.

    Args:
        place: ``data_root`` of a ``PackedImages``.
        limits: Limits of ``LoadImage``.
        workers: Number of processes that read; 0 or 1 for the current process
            only.
        checksums_only: Whether to compare checksums without decoding.
        progress: Called with the number of finished shards and images, the
            total, and a note.
        decoding: Decoding settings of ``LoadImage``.

    Returns:
        Corrupt entries, relative to the folder: images, and shards whose
        SHA-256 differs although all their images may be intact.

    Raises:
        ValueError: There are no shards, or a worker was killed.
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
        limits=None if checksums_only else limits,
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
                report.corrupt.append(CorruptFile(cause, shard.name))
            progress(done, total, f'{len(report.corrupt)} corrupt')
        contents = parallel_map(inspect_sample, PackedSamples(table), workers)
        for index, content in enumerate(contents):
            done += 1
            report.opened += 1
            notes.add(content)
            if content.cause:
                report.add_corrupt(table.path(index), content)
            progress(done, total, f'{len(report.corrupt)} corrupt')
    except LostWorkerError:
        raise ValueError(
            'a worker process was killed, possibly because memory ran out; '
            'use fewer workers or a limit of pixels'
        ) from None
    report.notes = notes.lines()
    return report


def _shard_fault(shard: Shard, folder: str) -> str:
    """Return one of ``CAUSES``; '' if the shard is as packed."""
    try:
        same = digest_of(Path(folder, shard.name)) == shard.sha256
    except (FileNotFoundError, NotADirectoryError):
        return 'missing'
    except OSError:
        return 'unreadable'
    return '' if same else 'wrong checksum'


def _inspect_sample(
    packed: tuple[Shard, Sample],
    folder: str,
    limits: ImageLimits | None,
    decoding: ImageDecoding,
) -> Inspection:
    shard, sample = packed
    try:
        data = ShardReader(folder, [shard]).read(sample)
    except CorruptImageError as error:
        return faulty(error)
    if limits is None:
        return Inspection()
    path = os.path.join(folder, sample.name)
    return inspect_image(path, limits, decoding, data)
