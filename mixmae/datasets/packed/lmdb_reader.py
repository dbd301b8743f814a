"""Reader of LMDB databases: opening, keys, values; lists of keys and labels.

``LmdbImages`` describes the format. Needs the package ``lmdb``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mixmae.fileio.safe_path import regular_file
from mixmae.fileio.shown_text import escape

try:
    import lmdb
# Only the LMDB dataset needs it.
except ImportError:
    lmdb = None  # type: ignore[assignment]

LABELLED = re.compile(rb'(.*\S)\s+([0-9]+)')
# Metadata keys that scripts write in addition to the images: `__len__`, ...
NOTE = re.compile(rb'__\w+__')
# Largest fraction of the pages of a complete database missing in the file.
UNWRITTEN = 0.01
# LMDB allows a database to be opened once per process: cache by path.
_open: dict[str, Any] = {}


class LmdbReader:
    """Values of a database, by key.

    Each process opens the database on first use. LMDB forbids both the use of
    a database opened before a fork and reopening it after the fork, so a
    process closes it before forking. Pickling stores only the path.

    Args:
        path: A folder with ``data.mdb``, or a file.

    Raises:
        FileNotFoundError: On first use: the database does not exist.
        ValueError: On first use: the file is not an LMDB, or the package is
            missing.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, key: bytes) -> bytes | None:
        """Return the value of a key; None if it does not exist."""
        with self._database().begin() as transaction:
            return transaction.get(key)

    def without_labels(self, lines: list[bytes]) -> list[bytes]:
        """Return the keys of lines that may end in a label.

        A line that is itself a key is used as it is, even if it ends in a
        number.
        """
        keys = []
        with self._database().begin() as transaction:
            # Looks up keys without reading their values.
            cursor = transaction.cursor()
            for line in lines:
                found = LABELLED.fullmatch(line)
                if (
                    found is not None
                    and not cursor.set_key(line)
                    and cursor.set_key(found[1])
                ):
                    line = found[1]
                keys.append(line)
        return keys

    def keys(self) -> list[bytes]:
        """Return all keys but metadata keys, in the order of the database.

        Raises:
            ValueError: There is no key.
        """
        with self._database().begin() as transaction:
            cursor = transaction.cursor()
            keys = [
                key
                for key in cursor.iternext(keys=True, values=False)
                if NOTE.fullmatch(key) is None
            ]
        if not keys:
            raise ValueError(f'the LMDB {self.path} has no image keys')
        return keys

    def _database(self) -> Any:
        path = os.path.realpath(self.path)
        if path not in _open:
            _open[path] = _opened(self.path)
        return _open[path]


def _close_all() -> None:
    while _open:
        _open.popitem()[1].close()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_close_all)


def _opened(path: str) -> Any:
    if lmdb is None:
        raise ValueError(
            f'{path} needs the package lmdb, which is not installed: pip '
            'install lmdb'
        )
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'the LMDB {path} does not exist (absolute: '
            f'{os.path.abspath(path)})'
        )
    folder = os.path.isdir(path)
    file = os.path.join(path, 'data.mdb') if folder else path
    try:
        # LMDB would block on a named pipe.
        with open(file, 'rb', opener=regular_file) as opened:
            size = os.fstat(opened.fileno()).st_size
    except OSError as error:
        raise ValueError(
            f'{path} is not a readable LMDB ({error.strerror}: {file})'
        ) from None
    try:
        database = lmdb.open(
            path,
            subdir=folder,
            readonly=True,
            create=False,
            # There are no writers, and folders may be read-only.
            lock=False,
            # Images are read in random order.
            readahead=False,
            meminit=False,
        )
    except lmdb.Error as error:
        raise ValueError(f'{path} is not a readable LMDB ({error})') from None
    # Reading beyond the end of the file would crash the process. In a
    # complete database a few free pages may never have been written.
    claimed = (database.info()['last_pgno'] + 1) * database.stat()['psize']
    if claimed - size > claimed * UNWRITTEN:
        database.close()
        raise ValueError(
            f'{path} is not a readable LMDB (it claims {claimed:,} bytes, but '
            f'{file} has {size:,}: it is truncated)'
        )
    return database


def read_key_list(
    listing: str, with_label: bool
) -> tuple[list[bytes], list[int] | None]:
    """Return the keys named by a list, and their labels if requested.

    Without labels it returns whole lines: only the database can tell which
    part of a line is the key.

    Raises:
        FileNotFoundError: The list does not exist.
        ValueError: The list is empty, or a line has no label; names it.
    """
    path = Path(listing)
    if not path.is_file():
        raise FileNotFoundError(f'the list of keys {path} does not exist')
    keys: list[bytes] = []
    labels: list[int] = []
    for number, line in enumerate(path.read_bytes().split(b'\n'), 1):
        line = line.strip()
        if not line or line.startswith(b'#'):
            continue
        if not with_label:
            keys.append(line)
            continue
        found = LABELLED.fullmatch(line)
        if found is None:
            text = escape(line[:200].decode('utf-8', 'surrogateescape'))
            raise ValueError(
                f'{path}, line {number}: {text} is not a key and a label'
            )
        keys.append(found[1])
        labels.append(int(found[2]))
    if not keys:
        raise ValueError(f'{path} has no keys; expected one per line')
    return keys, labels if with_label else None
