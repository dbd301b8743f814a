"""Text files that name one image per line."""

import os
from pathlib import Path

from mixmae.datasets.escaped_path import escape
from mixmae.datasets.verification.safe_path import path_fault


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


def _fault(name: str, root: str) -> str | None:
    """``path_fault``, but for an absolute path that is below the root."""
    above = os.path.abspath(root).rstrip('/') + '/'
    return path_fault(name.removeprefix(above) if name[0] == '/' else name)
