"""Text files with one image path per line."""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mixmae.fileio.safe_path import UnsafePathError, path_below, regular_file
from mixmae.fileio.shown_text import escape

# A path, which may contain spaces, and a label.
LABELLED = re.compile(r'(.*[^ \t])[ \t]+([0-9]+)')


def read_path_list(listing: str, root: str | None) -> list[str]:
    """Return the paths in a list, in order.

    Empty lines and lines that start with # are skipped; spaces around a path
    are removed. Bytes that are not UTF-8 are kept.

    Args:
        listing: Path of the list.
        root: Base folder of relative paths; all paths must stay below it.
            The folder of the list if None. ``'/'`` allows any file.

    Raises:
        FileNotFoundError: The list, or each of the first files in it, does
            not exist.
        ValueError: The list cannot be read, contains no path, or one outside
            of ``root``; names the line.
    """
    path = Path(listing)
    folder = str(path.parent) if root is None else root
    paths = [
        _path(folder, name, path, number)
        for number, name in _entries(_lines(path))
    ]
    if not paths:
        raise ValueError(
            f'no paths in {path.absolute()}; expected one image path per line'
        )
    # A single missing file is a corrupt file; here the root is wrong.
    if not any(os.path.exists(path) for path in paths[:8]):
        raise FileNotFoundError(
            f'none of the first paths in {path} exists, e.g. '
            f'{os.path.abspath(paths[0])}; relative paths start from '
            f'{os.path.abspath(folder)}'
        )
    return paths


def read_labelled_list(
    listing: str, root: str
) -> tuple[list[str], list[int] | None]:
    """Return the paths in a list, and labels if every line ends with one.

    Lines are ``path label``, as in mmpretrain's ``CustomDataset``, with labels
    from 0, or plain paths; see ``read_path_list``.

    Args:
        listing: Path of the list.
        root: Folder that all paths must stay below.

    Returns:
        Paths, and labels or None. A trailing number is read as a label if the
        first path that exists does so without it.

    Raises:
        FileNotFoundError, ValueError: See ``read_path_list``; also if a line
            has no label although the first has one.
    """
    lines = _lines(Path(listing))
    if not _ends_with_labels(lines, root):
        return read_path_list(listing, root), None
    names: list[str] = []
    labels: list[int] = []
    for number, entry in _entries(lines):
        found = LABELLED.fullmatch(entry)
        if found is None:
            raise ValueError(
                f'{listing}, line {number}: {escape(entry[:200])} has no '
                'label; either all lines have a label, or none'
            )
        names.append(_path(root, found[1], listing, number))
        labels.append(int(found[2]))
    return names, labels


def _entries(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not empty or a comment."""
    for number, line in enumerate(lines, 1):
        text = line.strip(' \t\r')
        if text and text[0] != '#':
            yield number, text


def _ends_with_labels(lines: list[str], root: str) -> bool:
    for _, entry in islice(_entries(lines), 8):
        if _exists(root, entry):
            return False
        found = LABELLED.fullmatch(entry)
        if found and _exists(root, found[1]):
            return True
    return False


def _exists(root: str, name: str) -> bool:
    try:
        return os.path.exists(path_below(root, name))
    # The code that reads the list names the line.
    except UnsafePathError:
        return False


def _lines(path: Path) -> list[str]:
    """Return the lines of a list, including empty ones and comments."""
    try:
        with open(path, 'rb', opener=regular_file) as file:
            text = file.read().decode('utf-8-sig', 'surrogateescape')
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f'the list of images {path} does not exist '
            f'(absolute: {path.absolute()})'
        ) from None
    except OSError as error:
        raise ValueError(
            f'the list of images {path} cannot be read: {error.strerror}'
        ) from None
    # Not splitlines(), which splits at other characters, too.
    return text.split('\n')


def _path(root: str, name: str, listing: str | Path, number: int) -> str:
    try:
        return path_below(root, name)
    except UnsafePathError as error:
        raise UnsafePathError(f'{listing}, line {number}: {error}') from None
