"""Class folders of a split: in mmpretrain's order, or numerical (1, 2, 10).

The configs number them as mmpretrain does; ``sorted_classes`` gives the order
of own classes.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixmae.datasets.labels.class_names import (
    ClassList,
    case_faults,
    order_faults,
)
from mixmae.datasets.labels.label_fault import LabelFault, listed
from mixmae.fileio.image_listing import is_folder

# Folders that programs leave behind; hidden class folders are valid.
LEFT_BEHIND = frozenset({
    '__macosx', '__pycache__', '@eadir', 'lost+found', '$recycle.bin',
    'system volume information', 'thumbs', '#recycle',
})  # fmt: skip
# Maximum depth of images below a class folder.
DEPTH = 6


@dataclass(frozen=True)
class ClassFolders:
    """Class folders of a split.

    Attributes:
        folder: Folder of the split.
        names: Its subfolders, sorted, including hidden ones: folder k is
            label k.
        empty: Subfolders without an image.
        beside: Images beside the subfolders, which are not read.
    """

    folder: Path
    names: tuple[str, ...]
    empty: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def stray(self) -> tuple[str, ...]:
        """Subfolders that are not classes but are counted as such."""
        return tuple(name for name in self.names if is_ignored_folder(name))


def is_ignored_folder(name: str) -> bool:
    """Return True for folders that programs create, such as ``.git``."""
    return name.startswith('.') or name.casefold() in LEFT_BEHIND


def sorted_classes(names: set[str]) -> tuple[str, ...]:
    """Return own classes in alphabetical order, or numbers in numerical order.

    The former is that of mmpretrain. The latter holds if all names are
    numbers, so that class 10 does not come before class 2.
    """
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def class_folders(folder: Path, suffixes: Sequence[str]) -> ClassFolders:
    """List the classes of a split; opens no file.

    Suffixes of images are in lower case.
    """
    ends = tuple(suffixes)
    names, beside = [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_folder(entry):
                names.append(entry.name)
            elif _is_image(entry.name, ends):
                beside.append(entry.name)
    empty = [n for n in names if not _has_image(folder / n, ends, DEPTH)]
    return ClassFolders(folder, tuple(names), tuple(empty), tuple(beside))


def folder_faults(splits: Sequence[ClassFolders]) -> list[LabelFault]:
    """Return faults of class folders; the first split is the reference."""
    faults = []
    for split in splits:
        if split.stray:
            text = (
                f'{split.folder}: {listed(split.stray)} counts as a class, '
                f'and the labels after it are shifted by one; remove it'
            )
            faults.append(LabelFault('folder that is not a class', text))
        empty = [name for name in split.empty if not is_ignored_folder(name)]
        if empty:
            text = (
                f'{split.folder}: {len(empty)} of {len(split.names)} class '
                f'folders have no image that mmpretrain reads '
                f'({listed(empty)}); fill or remove them'
            )
            faults.append(LabelFault('empty class', text, 'warning'))
        if split.beside and split.names:
            text = (
                f'{split.folder}: {len(split.beside):,} images are outside of '
                f'class folders and not read ({listed(split.beside)}); move '
                f'them to {split.folder}/<class>/'
            )
            faults.append(LabelFault('without a class', text, 'warning'))
        faults += case_faults(str(split.folder), split.names)
    # A stray folder is reported once, not also as a difference.
    lists = [
        ClassList(
            str(split.folder),
            [name for name in split.names if not is_ignored_folder(name)],
        )
        for split in splits
    ]
    for other in lists[1:]:
        faults += order_faults(
            lists[0],
            other,
            'labels number the sorted folders, so both splits need the same '
            'ones; an empty folder keeps the place of a class',
        )
    return faults


def _has_image(folder: Path, suffixes: tuple[str, ...], depth: int) -> bool:
    below = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_folder(entry):
                    below.append(folder / entry.name)
                elif _is_image(entry.name, suffixes):
                    return True
    except OSError:
        # The code that reads the folder reports the error.
        return True
    return depth > 0 and any(
        _has_image(path, suffixes, depth - 1) for path in below
    )


def _is_image(name: str, suffixes: tuple[str, ...]) -> bool:
    return name[0] != '.' and name.lower().endswith(suffixes)
