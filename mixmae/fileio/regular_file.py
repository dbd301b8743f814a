"""Openers that accept only regular files.

Opening a named pipe blocks, a device such as ``/dev/zero`` has no end, and a
symbolic link may redirect a write to another user's file. The functions below
are openers for ``open``:

    with open(path, 'rb', opener=regular_file) as file: ...
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

# Windows has neither these flags nor the files that they guard against.
WAITLESS = getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_NOCTTY', 0)
NO_LINK = getattr(os, 'O_NOFOLLOW', 0)
CLOSED_IN_CHILDREN = getattr(os, 'O_CLOEXEC', 0)
KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, 'named pipe'),
    (stat.S_ISSOCK, 'socket'),
    (stat.S_ISCHR, 'device'),
    (stat.S_ISBLK, 'device'),
    (stat.S_ISDIR, 'directory'),
    (stat.S_ISLNK, 'symbolic link'),
)


class SpecialFileError(OSError):
    """A path does not name a regular file."""


def kind_of(mode: int) -> str:
    """Return the file type in an ``os.stat`` mode, '' for a regular file."""
    if stat.S_ISREG(mode):
        return ''
    return next((kind for test, kind in KINDS if test(mode)), 'special file')


def check_regular(mode: int, path: str | os.PathLike) -> None:
    """Check a mode returned by ``os.stat``.

    Raises:
        SpecialFileError: It is not the mode of a regular file.
    """
    kind = kind_of(mode)
    if kind:
        raise SpecialFileError(
            errno.EINVAL, f'it is a {kind}, not a regular file', str(path)
        )


def regular_file(path: str | os.PathLike, flags: int) -> int:
    """Open a regular file without blocking; links are followed.

    Raises:
        SpecialFileError: The path is not a regular file.
        OSError: The file cannot be opened.
    """
    return _opened(path, flags, os.stat)


def own_file(path: str | os.PathLike, flags: int) -> int:
    """Open a file for writing, without following a link.

    Raises:
        SpecialFileError: The path is not a regular file, or is a link.
        OSError: The file cannot be opened.
    """
    return _opened(path, flags | NO_LINK, os.lstat)


def _opened(
    path: str | os.PathLike,
    flags: int,
    look: Callable[[str | os.PathLike], os.stat_result],
) -> int:
    # Opening a device may have side effects, so check the type first; a
    # replacement in between is detected after opening.
    try:
        check_regular(look(path).st_mode, path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    handle = os.open(path, flags | WAITLESS | CLOSED_IN_CHILDREN, 0o666)
    try:
        check_regular(os.fstat(handle).st_mode, path)
    except BaseException:
        os.close(handle)
        raise
    return handle
