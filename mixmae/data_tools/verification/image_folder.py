"""Opens every image below a folder, as a training run would."""

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
from mixmae.datasets.corrupt.corrupt_file_list import BadFile
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ANY_SIZE, PLAIN, ImageLimits
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.path_list import read_path_list

# The cause of a file that is read all the same, but is not what it says.
WRONG_SUFFIX = 'wrong suffix'
# Pillow's names for what is the same to whoever named the file.
SAME = {'MPO': 'JPEG', 'DIB': 'BMP'}


@dataclass
class FolderReport:
    """What was found below a folder.

    Attributes:
        opened: how many files were opened.
        bad: what cannot be used, in the order of the listing; folders that
            cannot be looked into come last. Paths are relative to the folder.
        odd: counts of what is odd, but can be used.
        unsupported: counts of sound files that cannot become 8-bit RGB, by
            what they declare. They are among ``bad``, too.
        notes: lines on what was left out, see ``ImageListing``, and on how
            the others become 8-bit RGB.
    """

    opened: int = 0
    bad: list[BadFile] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add_bad(self, path: str, content: Inspection) -> None:
        """Takes a file into account that cannot be used."""
        self.bad.append(BadFile(content.cause, path))
        if content.cause == 'unsupported':
            self.unsupported[content.refused or str(content.fault)] += 1

    def causes(self) -> Counter[str]:
        """How many files are bad for each cause."""
        return Counter(entry.cause for entry in self.bad)


def verify_image_folder(
    folder: Path,
    ann_file: Path | None = None,
    limits: ImageLimits = ANY_SIZE,
    workers: int = 0,
    strict: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    decoding: ImageDecoding = PLAIN,
) -> FolderReport:
    """Opens all images that ``UnlabeledImageFolder`` would list.

    Args:
        folder: its ``data_root``.
        ann_file: its list of paths, if it has one.
        limits: those of ``LoadImage``.
        workers: processes that open files; 0 or 1 for this one alone.
        strict: whether images of another format than their suffix says are
            bad, too.
        progress: is told how many files are done, of how many, and a note.
        decoding: that of ``LoadImage``.

    Raises:
        ValueError: there is no such folder, no image in it, or the list
            names a file outside of it.
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
            f'{folder}: no images; those of suffix {", ".join(SUFFIXES)} are '
            f'looked for, at any depth'
            + ''.join(f'; {note}' for note in notes)
        )
    report = FolderReport(notes=notes)
    described = ImageNotes(decoding)
    look = functools.partial(inspect_image, limits=limits, decoding=decoding)
    paths = [os.path.join(folder, name) for name in names]
    found = inspected(look, paths, Opening('all', workers))
    for done, (name, content) in enumerate(zip(names, found), 1):
        described.add(content)
        if content.cause:
            report.add_bad(name, content)
        elif _has_wrong_suffix(name, content):
            report.odd[WRONG_SUFFIX] += 1
            if strict:
                report.bad.append(BadFile(WRONG_SUFFIX, name))
        report.opened = done
        progress(done, len(names), f'{len(report.bad)} bad')
    report.notes += described.lines()
    report.bad += [BadFile('unreadable', name or '.') for name in refused]
    return report


def _has_wrong_suffix(name: str, content: Inspection) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    format = '' if content.kind is None else content.kind.format
    said = Image.registered_extensions().get(suffix, format)
    return SAME.get(said, said) != SAME.get(format, format)
