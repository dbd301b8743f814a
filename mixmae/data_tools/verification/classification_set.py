"""Images of classes: in class folders as ImageNet, or in lists with labels."""

import os
import re
from collections import Counter
from pathlib import Path

from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.datasets.labels.class_folders import (
    ClassFolders,
    folder_faults,
    is_ignored_folder,
)
from mixmae.datasets.listed_paths import ExistingFiles
from mixmae.fileio.image_formats import READ_BY_MMPRETRAIN, SUFFIXES
from mixmae.fileio.image_listing import check_folder, is_folder, list_folder
from mixmae.fileio.safe_path import UnsafePathError, path_below

WORDNET_ID = re.compile(r'n\d{8}$')


def verify_class_folders(
    root: Path, check: DatasetCheck, wordnet: bool = False
) -> None:
    """Verify ``root/{train,val}/<class>/<image>``.

    With ``wordnet``, classes are named n01440764 and so on.
    """
    splits: list[ClassFolders] = []
    for split in ('train', 'val'):
        folder = root / split
        if folder.is_dir():
            splits.append(_verify_split(folder, check, wordnet))
        else:
            check.problem(
                'missing folder',
                f'{folder}: no such folder; expected '
                f'{root}/train/<class>/ and {root}/val/<class>/ with images',
            )
    check.faults(folder_faults(splits))


def _verify_split(
    folder: Path, check: DatasetCheck, wordnet: bool
) -> ClassFolders:
    """Verify one split; return its classes."""
    split = folder.name
    check_folder(folder)
    with os.scandir(folder) as entries:
        below = sorted(entries, key=lambda entry: entry.name)
    folders = [e.name for e in below if is_folder(e)]
    loose = sum(e.name.lower().endswith(SUFFIXES) for e in below)
    if loose:
        check.problem(
            'images without a class',
            f'{folder}: {loose:,} images are outside of class folders; move '
            f'them to {folder}/<class>/',
        )
    paths: list[Path] = []
    counts: Counter[str] = Counter()
    for name in folders:
        if is_ignored_folder(name):
            continue
        found = _images(folder / name, check)
        paths += found
        counts[name] = len(found)
        if not found:
            check.problem(
                'empty class',
                f'{folder / name}: no images; extract this class again, or '
                'remove the folder',
            )
        if wordnet and not WORDNET_ID.match(name):
            check.problem(
                'name of a class',
                f'{folder / name}: class folders have names like n01440764; '
                'rename or remove it',
            )
    check.facts.append(
        f'{split}: {len(paths):,} images of {len(counts):,} classes'
    )
    check.compare_count(split, len(paths))
    check.compare_classes(split, len(counts), counts)
    check.open_all_images(paths, split)
    # Empty classes have been reported one by one.
    return ClassFolders(folder, tuple(folders), empty=())


def _images(folder: Path, check: DatasetCheck) -> list[Path]:
    refused: dict[str, str] = {}
    listing = list_folder(str(folder), READ_BY_MMPRETRAIN, unreadable=refused)
    for below, reason in refused.items():
        check.problem(
            'unreadable folder',
            f'{folder / below}: cannot be listed ({reason}); fix this, or '
            'move it',
        )
    for below, first in sorted(listing.repeated.items(), reverse=True):
        check.problem(
            'folder reached by two paths',
            f'{folder / below}: links back to {folder / first}, which '
            'mmpretrain would follow; remove it',
        )
    unread = sum(listing.left_out.values())
    if unread:
        check.notes.append(
            f'{folder}: {unread:,} files that mmpretrain does not read as '
            f'images (it reads {", ".join(READ_BY_MMPRETRAIN)})'
        )
    for note in listing.notes():
        check.notes.append(f'{folder}: {note}')
    return [folder / name for name in listing.files]


def verify_image_lists(
    root: Path, kind: str, classes: int, check: DatasetCheck
) -> None:
    """Verify ``root/meta/{train,val}.txt`` and the images in them.

    Paths in the lists are relative to ``root``, and labels are less than
    ``classes``; ``kind`` names the dataset in advice.
    """
    existing = ExistingFiles()
    for split in ('train', 'val'):
        path = root / 'meta' / f'{split}.txt'
        if path.is_file():
            _verify_list(root, path, classes, existing, check)
        else:
            check.problem(
                'missing list',
                f'{path}: list does not exist; write it with python '
                f'tools/dataset_converters/make_lists.py {kind} {root}',
            )


def _verify_list(
    root: Path,
    path: Path,
    classes: int,
    existing: ExistingFiles,
    check: DatasetCheck,
) -> None:
    split, there = path.stem, []
    lines: dict[str, int] = {}
    counts: Counter[int] = Counter()
    text = path.read_text(encoding='utf-8', errors='replace')
    # Not splitlines(), which splits at other characters, too.
    listed = text.removesuffix('\n').split('\n')
    for number, line in enumerate(listed, 1):
        where = f'{path}, line {number}'
        name, _, label = line.strip().rpartition(' ')
        if not name or not label.isdecimal() or int(label) >= classes:
            check.problem(
                'bad line',
                f'{where}: {line[:200]!r} is not a path and a label from 0 to '
                f'{classes - 1}; write the list again',
            )
            continue
        try:
            image = Path(path_below(root, name))
        except UnsafePathError as error:
            check.problem('invalid file name', f'{where}: {error}')
            continue
        if name in lines:
            check.problem(
                'image listed twice',
                f'{where}: {name} is also in line {lines[name]}; remove one '
                'of them',
            )
            continue
        lines[name] = number
        counts[int(label)] += 1
        if image in existing:
            there.append(image)
        else:
            check.problem(
                'missing image',
                f'{where}: image {image} does not exist; extract the archive '
                f'of images in {root}, or write the list again',
            )
    check.facts.append(
        f'{split}: {len(lines):,} images of {len(counts):,} classes listed, '
        f'{len(there):,} of them exist'
    )
    check.compare_count(split, len(lines))
    check.compare_classes(split, len(counts), counts)
    check.open_all_images(there, split)
