"""Folders and files that only this user can write."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from mixmae.fileio.safe_path import own_file

KEY = 'cache.key'
KEY_BYTES = 32


def private_folder(path: str | os.PathLike) -> Path | None:
    """Return a folder that only this user can write; create it if missing.

    Returns:
        The folder, or ``None`` if it cannot be created, is a link, belongs to
        another user, or is writable by others.
    """
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if _is_ours(folder.lstat(), stat.S_ISDIR) else None
    except OSError:
        return None


def temporary_folder(name: str) -> Path | None:
    """Return a ``private_folder`` in the folder for temporary files."""
    user = os.getuid() if hasattr(os, 'getuid') else 'user'
    try:
        place = tempfile.gettempdir()
    # There is no folder for temporary files.
    except FileNotFoundError:
        return None
    found = os.path.isdir(place)
    return private_folder(Path(place, f'{name}-{user}')) if found else None


def cache_folder() -> Path | None:
    """Return ``~/.cache/mixmae``, or a temporary folder if not writable."""
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    # An unknown user has no home.
    found = private_folder(Path(base, 'mixmae')) if base[0] == '/' else None
    return found or temporary_folder('mixmae')


def seal(content: bytes) -> str | None:
    """Return a keyed checksum (HMAC-SHA256) of a cache of this user.

    Caches may lie where others can write, or be shipped with the data; only
    a user who can read the key in ``cache_folder`` can create the checksum.

    Returns:
        64 hexadecimal digits; ``None`` if no key can be stored.
    """
    folder = cache_folder()
    key = None if folder is None else _key(folder)
    if key is None:
        return None
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def is_sealed(content: bytes, checksum: object) -> bool:
    """Return whether ``checksum`` is the ``seal`` of the content."""
    expected = seal(content)
    return (
        expected is not None
        and isinstance(checksum, str)
        and hmac.compare_digest(expected.encode(), checksum.encode())
    )


def _is_ours(about: os.stat_result, kind: Callable[[int], bool]) -> bool:
    if not kind(about.st_mode):
        return False
    if not hasattr(os, 'getuid'):
        return True
    return about.st_uid == os.getuid() and not about.st_mode & 0o022


def _key(folder: Path) -> bytes | None:
    path = folder / KEY
    try:
        if not os.path.lexists(path):
            _make_key(path)
        with open(path, 'rb', opener=own_file) as file:
            about = os.fstat(file.fileno())
            key = file.read(KEY_BYTES)
    except OSError:
        return None
    readable = about.st_mode & 0o077 and hasattr(os, 'getuid')
    if not _is_ours(about, stat.S_ISREG) or readable:
        return None
    return key if len(key) == KEY_BYTES else None


def _make_key(path: Path) -> None:
    """Create a key; among several processes the first one wins."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix='.key-')
    try:
        os.write(handle, secrets.token_bytes(KEY_BYTES))
        os.close(handle)
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
