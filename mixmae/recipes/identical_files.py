"""Identical files in labelled data: the same content under several paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress

from mixmae.fileio.atomic_write import digest_of
from mixmae.fileio.safe_path import regular_file

# Of more files, so many have the same size that most would be read.
MOST_FILES = 50_000
TAIL_BYTES = 4096


def find_copies(paths: Sequence[str]) -> dict[int, int]:
    """Find files that are identical to an earlier one, byte by byte.

    Only files of equal size are read. Empty and unreadable files are left
    out, and more than ``MOST_FILES`` are not compared.

    Returns:
        Index of each copy, and of the first file with its content.
    """
    if len(paths) > MOST_FILES:
        return {}
    groups: list[Sequence[int]] = [range(len(paths))]
    # Compressed files of one size mostly differ in their last bytes.
    for read in (os.path.getsize, _tail, digest_of):
        groups = [
            same for group in groups for same in _equal(paths, group, read)
        ]
    return {copy: first for first, *copies in groups for copy in copies}


def copy_notes(
    copies: Mapping[int, int],
    names: Sequence[str],
    training: Iterable[int],
    labels: Sequence[Hashable] | None = None,
) -> list[str]:
    """Describe what copies mean for a training and its metrics.

    Args:
        copies: Result of ``find_copies``.
        names: Paths of the images.
        training: Indices of the images to train on; the others are those of
            the validation.
        labels: Class of each image, if it has one.

    Returns:
        A line for each finding.
    """
    if len(names) > MOST_FILES:
        return [
            f'{len(names):,} images are too many to look for identical files'
        ]
    trained = set(training)
    groups: dict[int, list[int]] = {}
    for copy, first in copies.items():
        groups.setdefault(first, [first]).append(copy)
    pairs, leaked, contrary = [], [], []
    for group in groups.values():
        pairs += [(copy, group[0]) for copy in group[1:]]
        known = [index for index in group if index in trained]
        if known:
            leaked += [(i, known[0]) for i in group if i not in trained]
        if labels is not None:
            contrary += [
                (i, group[0]) for i in group if labels[i] != labels[group[0]]
            ]
    return [
        f'{what}: {len(found):,}, such as {names[found[0][0]]} and '
        f'{names[found[0][1]]}{remedy}'
        for found, what, remedy in (
            (pairs, 'images identical to another', ''),
            (
                contrary,
                'identical images of two classes',
                '; remove them from one',
            ),
            (
                leaked,
                'validation images identical to training images',
                '; they raise the metrics, so remove them from one of the two',
            ),
        )
        if found
    ]


def _equal(
    paths: Sequence[str],
    indices: Sequence[int],
    read: Callable[[str], Hashable],
) -> list[Sequence[int]]:
    """Group files by what is read; without empty, unreadable, unique ones."""
    groups: dict[Hashable, list[int]] = {}
    for index in indices:
        with suppress(OSError):
            groups.setdefault(read(paths[index]), []).append(index)
    return [group for key, group in groups.items() if key and len(group) > 1]


def _tail(path: str) -> bytes:
    with open(path, 'rb', opener=regular_file) as file:
        file.seek(-min(TAIL_BYTES, os.path.getsize(path)), os.SEEK_END)
        return file.read()
