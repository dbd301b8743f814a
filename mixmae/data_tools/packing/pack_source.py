"""Source of packing: files, their labels, and their order."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixmae.datasets.corrupt.corrupt_file_list import excluded_paths
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.path_list import read_labelled_list
from mixmae.fileio.safe_path import path_fault
from mixmae.fileio.shown_text import escape


@dataclass(frozen=True)
class PackSource:
    """Files to pack, in order.

    Attributes:
        folder: Base folder of the files.
        names: Paths relative to it, with slashes.
        labels: One label per file, or None.
        classes: Names of the classes, if folders are classes.
        notes: Lines about skipped files, see ``ImageListing``.
    """

    folder: str
    names: list[str]
    labels: list[int] | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return a checksum of names, labels and order."""
        text = json.dumps([self.names, self.labels, self.classes])
        return hashlib.sha256(text.encode()).hexdigest()

    def shuffled(self, seed: int) -> PackSource:
        """Return an order that depends on the seed and the number of files."""
        order = list(range(len(self.names)))
        random.Random(seed).shuffle(order)
        return self._taken(order)

    def without(self, lists: Sequence[str]) -> PackSource:
        """Leave out the files in lists of corrupt files.

        Raises:
            FileNotFoundError, ValueError: A list is missing or invalid, or the
                lists name all files.
        """
        listed = excluded_paths(lists, self.folder)
        kept = [
            index
            for index, name in enumerate(self.names)
            if os.path.abspath(os.path.join(self.folder, name)) not in listed
        ]
        if not kept:
            raise ValueError(
                f'{", ".join(lists)} names all {len(self.names)} images; '
                f'nothing is left to pack'
            )
        return self._taken(kept)

    def _taken(self, order: Sequence[int]) -> PackSource:
        labels = self.labels
        return replace(
            self,
            names=[self.names[index] for index in order],
            labels=labels and [labels[index] for index in order],
        )


def read_source(
    path: str, data_root: str | None = None, with_labels: bool = True
) -> PackSource:
    """Return the images of a folder, or those in a list.

    Images of a folder have labels if each is in a subfolder: the first folder
    of its path is its class, and classes are numbered in sorted order, as in
    ``mmpretrain.CustomDataset``. For labels of lists see
    ``read_labelled_list``.

    Args:
        path: A folder, or a text file.
        data_root: Base folder of the paths in a list, which must stay below
            it; the folder of the list if None.
        with_labels: Whether to look for labels.

    Raises:
        FileNotFoundError: The folder or the list does not exist.
        ValueError: It contains no image, one twice, or one with a name that
            is not allowed in a shard.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        if data_root is not None:
            raise ValueError(
                f'{path} is a folder; data_root ({data_root}) is only for a '
                'list of images'
            )
        return _folder(path, with_labels)
    if not os.path.exists(path):
        raise FileNotFoundError(
            'neither a folder of images nor a list of images exists at '
            f'{path} (absolute: {os.path.abspath(path)})'
        )
    root = os.path.expanduser(data_root or str(Path(path).parent))
    if not os.path.isdir(root):
        raise FileNotFoundError(f'the folder of images {root} does not exist')
    paths, labels = read_labelled_list(path, root)
    names = [os.path.relpath(one, root) for one in paths]
    seen: set[str] = set()
    for name in names:
        fault = path_fault(name)
        if fault is None and name in seen:
            fault = f'{escape(name)} is listed twice; list it once'
        if fault is not None:
            raise ValueError(f'{path}: {fault}')
        seen.add(name)
    return PackSource(root, names, labels if with_labels else None)


def _folder(folder: str, with_labels: bool) -> PackSource:
    listing = list_folder(folder, SUFFIXES)
    names, notes = listing.files, tuple(listing.notes())
    if not names:
        raise ValueError(
            f'no images in {os.path.abspath(folder)} or its subfolders; '
            'searched for files that are not hidden and end in '
            f'{", ".join(SUFFIXES)} (case-insensitive)'
            + ''.join(f'; {note}' for note in notes)
        )
    # A backslash in a name may lead out of a folder on Windows.
    fault = next(filter(None, map(path_fault, names)), None)
    if fault is not None:
        raise ValueError(f'{folder}: {fault}; rename it')
    if not with_labels or not all('/' in name for name in names):
        return PackSource(folder, names, notes=notes)
    heads = [name.split('/', 1)[0] for name in names]
    classes = tuple(sorted(set(heads)))
    places = {name: label for label, name in enumerate(classes)}
    labels = [places[name] for name in heads]
    return PackSource(folder, names, labels, classes, notes)
