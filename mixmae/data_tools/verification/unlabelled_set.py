"""Verification of all images below a folder, as in training."""

import functools
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from mixmae.data_tools.verification.image_files import (
    Inspection,
    Opening,
    inspect_image,
    inspected,
)
from mixmae.data_tools.verification.image_notes import ImageNotes
from mixmae.data_tools.verification.near_duplicates import NearDuplicates
from mixmae.datasets.corrupt.corrupt_file_list import CorruptFile
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ANY_SIZE, PLAIN, ImageLimits
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.path_list import read_path_list

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
