"""What is to be packed: files, their labels, and their order."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixmae.datasets.corrupt.corrupt_file_list import read_bad_files
from mixmae.datasets.unlabeled_image_folder import SUFFIXES
from mixmae.fileio.escaped_path import escape
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.path_list import read_labelled_list
from mixmae.fileio.safe_path import path_fault


@dataclass(frozen=True)
class PackSource:
    """Files to pack, in their order.

    Attributes:
        folder: that they are below.
        names: relative to it, with slashes.
        labels: one for each, or None.
        classes: names of the classes, if folders are classes.
        notes: lines on what was left out, see ``ImageListing``.
    """

    folder: str
    names: list[str]
    labels: list[int] | None = None
    classes: list[str] | None = None
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """The same for the same names, labels and order, else another."""
        text = json.dumps([self.names, self.labels, self.classes])
        return hashlib.sha256(text.encode()).hexdigest()

    def shuffled(self, seed: int) -> PackSource:
        """In an order that depends on the seed and the number of files."""
        order = list(range(len(self.names)))
        random.Random(seed).shuffle(order)
        return self._taken(order)

    def without(self, lists: Sequence[str]) -> PackSource:
        """Leaves out what lists of bad files name, see ``bad_file_list``.

        Raises:
            FileNotFoundError, ValueError: a list is none, or names them all.
        """
        listed = {
            os.path.abspath(os.path.join(self.folder, entry.path))
            for path in lists
            for entry in read_bad_files(path)
        }
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
    """The images of a folder, or those that a list names.

    A folder's images have labels if each lies in a folder below it: the
    first one in its path is its class, and classes are counted along their
    sorted names, as ``mmpretrain.CustomDataset`` does. For those of lists see
    ``read_labelled_list``.

    Args:
        path: a folder, or a text file.
        data_root: what the paths in a list are relative to, and stay below;
            the folder of the list if None.
        with_labels: whether to look for labels.

    Raises:
        FileNotFoundError: there is no such folder or list.
        ValueError: it holds no image, one twice, or one with a name that no
            shard may have.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        if data_root is not None:
            raise ValueError(
                f'{path} is a folder: a data_root ({data_root}) belongs to a '
                f'list of images'
            )
        return _folder(path, with_labels)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'there is neither a folder of images nor a list of them at '
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
            f'no images in {os.path.abspath(folder)} or below; looked for '
            f'files that end in {", ".join(SUFFIXES)} (in any case) and are '
            f'not hidden' + ''.join(f'; {note}' for note in notes)
        )
    # A backslash in a name reads as a way out where it divides folders.
    fault = next(filter(None, map(path_fault, names)), None)
    if fault is not None:
        raise ValueError(f'{folder}: {fault}; rename it')
    if not with_labels or not all('/' in name for name in names):
        return PackSource(folder, names, notes=notes)
    heads = [name.split('/', 1)[0] for name in names]
    classes = sorted(set(heads))
    places = {name: label for label, name in enumerate(classes)}
    labels = [places[name] for name in heads]
    return PackSource(folder, names, labels, classes, notes)
