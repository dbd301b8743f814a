"""Text files that name one image per line."""

import os
import re
from pathlib import Path

from mixmae.datasets.escaped_path import escape
from mixmae.datasets.verification.safe_path import path_fault

# A path, which may have spaces, and a label.
LABELLED = re.compile(r'[ \t]*(.*[^ \t])[ \t]+([0-9]+)[ \t\r]*')


def read_path_list(listing: str, root: str | None) -> list[str]:
    """Paths that a list names, in its order.

    Empty lines and lines that start with # are skipped, as are spaces around
    a path. Bytes that are no UTF-8 are taken as they are.

    Args:
        listing: the list.
        root: the folder that relative paths start from, and below which all
            must stay. None if the list may name any file, relative ones from
            the folder it lies in.

    Raises:
        FileNotFoundError: there is no such list, or none of the first files
            that it names.
        ValueError: it names no file, or one outside of ``root``; says which
            line.
    """
    path = Path(listing)
    if not path.is_file():
        raise FileNotFoundError(
            f'the list of images {path} does not exist '
            f'(absolute: {path.absolute()})'
        )
    text = path.read_bytes().decode('utf-8-sig', 'surrogateescape')
    folder = str(path.parent) if root is None else root
    paths = []
    # Not splitlines(), which takes other characters for line breaks.
    for number, line in enumerate(text.split('\n'), 1):
        name = line.strip(' \t\r')
        if not name or name[0] == '#':
            continue
        fault = None if root is None else _fault(name, root)
        if fault is not None:
            raise ValueError(
                f'{path}, line {number}: {escape(fault)} (a list that is to '
                f'name files elsewhere is given without data_root)'
            )
        paths.append(os.path.join(folder, name))
    if not paths:
        raise ValueError(
            f'no paths in {path.absolute()}; looked for one path of an image '
            f'per line'
        )
    # A single missing file is a broken one; here the root is wrong.
    if not any(os.path.exists(path) for path in paths[:8]):
        raise FileNotFoundError(
            f'none of the first paths in {path} exists, e.g. '
            f'{os.path.abspath(paths[0])}; relative paths are taken from '
            f'{os.path.abspath(folder)}'
        )
    return paths


def read_labelled_list(
    listing: str, root: str
) -> tuple[list[str], list[int] | None]:
    """Paths that a list names, and labels if every line ends with one.

    Lines are ``path label``, as mmpretrain's ``CustomDataset`` reads them,
    with labels from 0, or plain paths; see ``read_path_list``.

    Args:
        listing: the list.
        root: the folder below which all must stay.

    Returns:
        Paths; and labels, if the first path that exists does so without what
        would then be its label.

    Raises:
        FileNotFoundError, ValueError: see ``read_path_list``; a line has no
            label where the first has one.
    """
    path = Path(listing)
    lines = []
    if path.is_file():
        text = path.read_bytes().decode('utf-8-sig', 'surrogateescape')
        lines = text.split('\n')
    if not _ends_with_labels(lines, root):
        return read_path_list(listing, root), None
    names: list[str] = []
    labels: list[int] = []
    for number, line in enumerate(lines, 1):
        if not _names_a_path(line):
            continue
        found = LABELLED.fullmatch(line)
        if found is None:
            raise ValueError(
                f'{listing}, line {number}: {escape(line[:200])} has no '
                f'label; either all lines are a path and a label, or none is'
            )
        fault = _fault(found[1], root)
        if fault is not None:
            raise ValueError(f'{listing}, line {number}: {escape(fault)}')
        names.append(os.path.join(root, found[1]))
        labels.append(int(found[2]))
    return names, labels


def _names_a_path(line: str) -> bool:
    return line.strip(' \t\r')[:1] not in ('', '#')


def _ends_with_labels(lines: list[str], root: str) -> bool:
    for line in list(filter(_names_a_path, lines))[:8]:
        if os.path.exists(os.path.join(root, line.strip(' \t\r'))):
            return False
        found = LABELLED.fullmatch(line)
        if found and os.path.exists(os.path.join(root, found[1])):
            return True
    return False


def _fault(name: str, root: str) -> str | None:
    """``path_fault``, but for an absolute path that is below the root."""
    above = os.path.abspath(root).rstrip('/') + '/'
    return path_fault(name.removeprefix(above) if name[0] == '/' else name)
