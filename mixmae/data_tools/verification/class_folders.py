"""Images sorted into one folder per class, as in ImageNet."""

import os
import re
from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.image_files import Opening
from mixmae.data_tools.verification.image_notes import open_all_images
from mixmae.data_tools.verification.known_sets import KnownSet
from mixmae.data_tools.verification.split_counts import (
    compare_classes,
    compare_count,
)
from mixmae.datasets.labels.class_folders import (
    ClassFolders,
    folder_faults,
    is_ignored_folder,
)
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.image_listing import (
    READ_BY_MMPRETRAIN,
    is_folder,
    list_folder,
)

WORDNET_ID = re.compile(r'n\d{8}$')


def verify_class_folders(
    root: Path,
    findings: Findings,
    opening: Opening,
    known: KnownSet | None = None,
    wordnet: bool = False,
) -> None:
    """Verify ``root/{train,val}/<class>/<image>``.

    Args:
        root: Folder of the dataset.
        findings: Receives the results.
        opening: Selection of the files to open.
        known: Published figures to compare with, if any.
        wordnet: Whether classes are named n01440764 and so on.
    """
    splits: list[ClassFolders] = []
    for split in ('train', 'val'):
        folder = root / split
        if not folder.is_dir():
            findings.problem(
                'missing folder',
                f'{folder}: no such folder; expected are '
                f'{root}/train/<class>/ and {root}/val/<class>/ with images',
            )
            continue
        found = _verify_split(folder, split, findings, opening, known, wordnet)
        splits.append(found)
    # Empty classes were reported one by one.
    findings.faults(folder_faults(splits, with_empty=False))


def _verify_split(
    folder: Path,
    split: str,
    findings: Findings,
    opening: Opening,
    known: KnownSet | None,
    wordnet: bool,
) -> ClassFolders:
    """Verify one split; return its classes."""
    try:
        with os.scandir(folder) as entries:
            below = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(
            f'the folder {folder} cannot be looked into: {error.strerror}'
        ) from None
    folders = [e.name for e in below if is_folder(e)]
    names = [name for name in folders if not is_ignored_folder(name)]
    loose = sum(e.name.lower().endswith(SUFFIXES) for e in below)
    if loose:
        findings.problem(
            'images without a class',
            f'{folder}: {loose:,} images lie in no class folder; move them '
            f'to {folder}/<class>/ (docs/data.md says how)',
        )
    paths: list[Path] = []
    counts: Counter[str] = Counter()
    for name in names:
        found = _images(folder / name, findings)
        paths += found
        counts[name] = len(found)
        if not found:
            findings.problem(
                'empty class',
                f'{folder / name}: no images; unpack this class again, or '
                f'remove the folder',
            )
        if wordnet and not WORDNET_ID.match(name):
            findings.problem(
                'name of a class',
                f'{folder / name}: classes are named like n01440764; rename '
                f'or remove it',
            )
    findings.fact(f'{split}: {len(paths):,} images of {len(names):,} classes')
    compare_count(findings, known, split, len(paths))
    compare_classes(findings, known, split, counts)
    open_all_images(paths, split, findings, opening)
    return ClassFolders(folder, tuple(folders), ())


def _images(folder: Path, findings: Findings) -> list[Path]:
    refused: dict[str, str] = {}
    listing = list_folder(str(folder), READ_BY_MMPRETRAIN, unreadable=refused)
    for below, reason in refused.items():
        findings.problem(
            'unreadable folder',
            f'{folder / below}: cannot be looked into ({reason}); mend that, '
            f'or move it elsewhere',
        )
    for below, first in sorted(listing.repeated.items(), reverse=True):
        findings.problem(
            'folder reached by two paths',
            f'{folder / below}: leads back to {folder / first}, and '
            f'mmpretrain would follow it; remove it',
        )
    unread = sum(listing.left_out.values())
    if unread:
        findings.note(
            f'{folder}: {unread:,} files that mmpretrain does not take for '
            f'images (it reads {", ".join(READ_BY_MMPRETRAIN)})'
        )
    for note in listing.notes():
        findings.note(f'{folder}: {note}')
    return [folder / name for name in listing.files]
