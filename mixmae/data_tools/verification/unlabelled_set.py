"""Verification of images without labels: a folder, or shards and checksums."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from mixmae.data_tools.verification.inspection import (
    ImageNotes,
    Inspection,
    Opening,
    faulty,
    inspect_image,
    inspected,
)
from mixmae.data_tools.verification.near_duplicates import NearDuplicates
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
from mixmae.datasets.packed.shards import ShardReader
from mixmae.datasets.packed_images import table_of
from mixmae.fileio.atomic_write import digest_of
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import check_folder, list_folder
from mixmae.fileio.path_list import read_path_list
from mixmae.fileio.worker_processes import LostWorkerError, parallel_map

# Cause of a file that can be read, but has another format than its suffix.
WRONG_SUFFIX = 'wrong suffix'
# Pillow's names for formats that share the suffixes of another.
SAME = {'MPO': 'JPEG', 'DIB': 'BMP'}


@dataclass
class FolderReport:
    """Result for a folder.

    Attributes:
        opened: Number of opened files.
        corrupt: Entries that cannot be used, in the order of the listing;
            folders that cannot be listed come last. Paths are relative to the
            folder.
        anomalies: Counts of what is unusual in usable files.
        unsupported: Counts of intact files that cannot become the channels, by
            declared type. They are also in ``corrupt``.
        notes: Lines about skipped files, see ``ImageListing``, and about the
            conversion of the others to 8-bit RGB.
    """

    opened: int = 0
    corrupt: list[CorruptFile] = field(default_factory=list)
    anomalies: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add_corrupt(self, path: str, content: Inspection) -> None:
        """Add a file that cannot be used."""
        self.corrupt.append(CorruptFile(content.cause, path))
        if content.cause == 'unsupported':
            self.unsupported[content.refused or str(content.fault)] += 1

    def causes(self) -> Counter[str]:
        """Return the number of unusable files per cause."""
        return Counter(entry.cause for entry in self.corrupt)


def verify_image_folder(
    folder: Path,
    ann_file: Path | None = None,
    limits: ImageLimits = ANY_SIZE,
    workers: int = 0,
    strict: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    decoding: ImageDecoding = PLAIN,
) -> FolderReport:
    """Open all images that ``UnlabeledImageFolder`` would list.

    Args:
        folder: Its ``data_root``.
        ann_file: Its list of paths, if it has one.
        limits: Limits of ``LoadImage``.
        workers: Number of processes that open files; 0 or 1 for the current
            process only.
        strict: Whether images of another format than their suffix count as
            corrupt, too.
        progress: Called with the number of finished files, the total, and a
            note.
        decoding: Decoding settings of ``LoadImage``.

    Raises:
        ValueError: The folder does not exist or contains no image, or the
            list names a file outside of it.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder')
    refused: dict[str, str] = {}
    notes: list[str] = []
    if ann_file is None:
        listing = list_folder(str(folder), SUFFIXES, unreadable=refused)
        names, notes = listing.files, listing.notes()
    else:
        paths = read_path_list(str(ann_file), str(folder))
        names = [os.path.relpath(path, folder) for path in paths]
    if not names and not refused:
        raise ValueError(
            f'{folder}: no images; searched, including subfolders, for '
            f'suffixes {", ".join(SUFFIXES)}'
            + ''.join(f'; {note}' for note in notes)
        )
    report = FolderReport(notes=notes)
    described, alike = ImageNotes(decoding), NearDuplicates()
    look = functools.partial(inspect_image, limits=limits, decoding=decoding)
    paths = [os.path.join(folder, name) for name in names]
    found = inspected(look, paths, Opening('all', workers))
    for done, (name, content) in enumerate(zip(names, found), 1):
        described.add(content)
        alike.add(name, content.image_hash)
        if content.cause:
            report.add_corrupt(name, content)
        elif _has_wrong_suffix(name, content):
            report.anomalies[WRONG_SUFFIX] += 1
            if strict:
                report.corrupt.append(CorruptFile(WRONG_SUFFIX, name))
        report.opened = done
        progress(done, len(names), f'{len(report.corrupt)} corrupt')
    report.notes += [*described.lines(), *alike.lines()]
    report.corrupt += [
        CorruptFile('unreadable', name or '.') for name in refused
    ]
    return report


def _has_wrong_suffix(name: str, content: Inspection) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    format = '' if content.kind is None else content.kind.format
    said = Image.registered_extensions().get(suffix, format)
    return SAME.get(said, said) != SAME.get(format, format)


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
        limits, workers, progress, decoding: As in ``verify_image_folder``;
            shards count as files.
        checksums_only: Whether to compare checksums without decoding.

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
