"""Files that are safe to open: regular ones, below a folder.

Lists, annotations, archives, indices and caches name files. Such a name must
stay below the folder that it is relative to, or it could name any file of the
machine. Only the text is checked: a symbolic link inside the folder was set by
its owner and is followed.

Opening a named pipe blocks, a device such as ``/dev/zero`` has no end, and a
symbolic link may redirect a write to another user's file. ``regular_file``
and ``own_file`` are openers for ``open``:

    with open(path, 'rb', opener=regular_file) as file: ...

Unpickling of files that are not trusted is off by default. ``set_trusted`` is
one switch per process, because MMEngine calls loaders from deep inside the
construction of a model.
"""

from __future__ import annotations

import argparse
import errno
import functools
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import PureWindowsPath
from typing import Any

# Unicode control characters; they also break lines in logs and lists.
CONTROL = re.compile('[\x00-\x1f\x7f-\x9f]')
# Names without any of these need no detailed check.
SUSPICIOUS = re.compile(r'[\x00-\x1f\x7f-\x9f:\\]|\.\.|^[/\s]|\s$|^$')
ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://')
# Errors of opening that the machine causes, not the file or folder.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# Maximum number of characters of a name in a message.
SHOWN = 200


class UnsafePathError(ValueError):
    """A name in a file leads out of its folder; the message names it."""


def path_fault(name: Any) -> str | None:
    """Return why a name must not be joined to a folder, ``None`` if valid.

    Args:
        name: A relative path, as read from a file.

    Returns:
        One line if the name is empty or not a string, has control characters,
        is absolute (including Windows drives and shares), is an address such
        as ``https://...``, or has a ``..`` part.
    """
    if isinstance(name, str) and SUSPICIOUS.search(name) is None:
        return None
    shown = repr(name)
    if len(shown) > SHOWN:
        shown = f'{shown[:SHOWN]}...'
    if not isinstance(name, str) or not name.strip():
        return f'file name {shown} is not a string'
    if '\0' in name:
        return f'file name {shown} has a zero byte'
    if CONTROL.search(name):
        return (
            f'file name {shown} has a line break or another control character'
        )
    if ADDRESS.match(name):
        return f'file name {shown} is a URL, not a file name'
    windows = PureWindowsPath(name)
    if name[0] in '/\\' or windows.is_absolute() or windows.drive:
        return (
            f'file name {shown} is absolute; it must be relative to the '
            f'folder of images'
        )
    # Both kinds of slash separate the parts of a Windows path.
    if '..' in windows.parts:
        return (
            f'file name {shown} leads out of the folder of images by ..; use '
            'only files in this folder'
        )
    return None


def path_below(root: str | os.PathLike, name: Any) -> str:
    """Return the path of a file that is named in another file.

    Args:
        root: Base folder of relative names; ``'/'`` allows any file.
        name: A path relative to the folder, or an absolute one below it.

    Raises:
        UnsafePathError: The name leads out of the folder, see
            ``path_fault``.
    """
    root = os.fspath(root)
    fault = path_fault(name)
    if fault is None:
        return os.path.join(root, name)
    if isinstance(name, str) and name.startswith('/'):
        above = _spellings(os.path.abspath(root))
        prefix = next((one for one in above if name.startswith(one)), None)
        if prefix is None:
            raise UnsafePathError(
                f'file name {name[:SHOWN]!r} is absolute, and not below '
                f'{above[0]}; use only files in that folder, or set data_root '
                "to a folder that contains them all (data_root='/' allows any "
                'file)'
            )
        # 'root//etc' would be absolute again after removing the root.
        fault = path_fault(name[len(prefix) :])
        if fault is None:
            return name
    raise UnsafePathError(fault)


@functools.lru_cache(maxsize=64)
def _spellings(folder: str) -> tuple[str, ...]:
    """Return a folder as given, and with links resolved."""
    names = (folder, os.path.realpath(folder))
    return tuple(name.rstrip('/') + '/' for name in names)


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


def read_text(path: str | os.PathLike, errors: str = 'strict') -> str:
    """Return the UTF-8 text of a regular file; ``errors`` as in ``open``.

    Raises:
        OSError: See ``regular_file``.
        ValueError: The file is not UTF-8.
    """
    with open(
        path, encoding='utf-8', errors=errors, opener=regular_file
    ) as file:
        return file.read()


def read_json(path: str | os.PathLike) -> Any:
    """Return the content of a JSON file.

    Raises:
        OSError: See ``regular_file``.
        ValueError: The file is not JSON, or its values are nested too deep.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError(f'{path} is nested too deep') from None


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


FLAG = '--trust-checkpoint'
_trusted = False


def trusted() -> bool:
    """Return True if files may be unpickled without any check."""
    return _trusted


def set_trusted(value: bool) -> None:
    """Allow or forbid that pickles run arbitrary code.

    A pickle has all permissions of the user: it can delete files or send
    away keys. The weights of a model never need it.
    """
    global _trusted
    _trusted = value


class _TrustAction(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> None:
        set_trusted(True)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-checkpoint``, which takes effect when parsed."""
    parser.add_argument(
        FLAG,
        action=_TrustAction,
        nargs=0,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        help='DANGER: allow pickles (checkpoints and annotation files) with '
        'more than tensors and plain values to run code with your '
        'permissions; only for files whose author you trust',
    )
