"""Cache of the listing of a folder: format, validity, writing, private folder.

``image_listing.cache_beside`` says where the file is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.safe_path import own_file, path_fault, read_json

FORMAT = 2
# Some file systems store times in steps of 2 s: a change within one step of
# the listing could be missed, so such a listing is not trusted.
TIME_STEP_NS = 2_000_000_000
SEAL = 'seal'


def read_cache(cache: str, about: dict[str, Any]) -> dict[str, Any] | None:
    """Read a cache, if it is valid.

    It is valid if this user wrote it, for the same folder and suffixes, and
    if no folder has changed since: adding, removing or renaming a file
    changes the time of its folder. Its names must be safe, see
    ``path_fault``.

    Args:
        cache: Path of the cache.
        about: Expected ``folder`` and ``suffixes``.

    Returns:
        The content passed to ``write_cache``; ``None`` if there is no valid
        cache.
    """
    try:
        content = read_json(cache)
        checksum = content.pop(SEAL)
        about = {'format': FORMAT, **about}
        if {key: content[key] for key in about} != about:
            return None
        if not is_sealed(_bytes(content), checksum):
            return None
        settled = content['started'] - TIME_STEP_NS
        for below, modified in content['times'].items():
            path = os.path.join(about['folder'], below)
            if modified > settled or os.stat(path).st_mtime_ns != modified:
                return None
        return None if any(map(path_fault, content['files'])) else content
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_cache(cache: str, content: dict[str, Any]) -> None:
    """Write a cache by an atomic write; do nothing if it is not writable.

    Args:
        cache: Path of the cache.
        content: ``folder``, ``suffixes``, ``files``, ``times`` of the folders
            and ``started``, the start of the listing in nanoseconds, and any
            other values.
    """
    content = {'format': FORMAT, **content}
    checksum = seal(_bytes(content))
    if checksum is None or not os.path.isdir(os.path.dirname(cache) or '.'):
        return
    try:
        with atomic_write(cache) as partial:
            partial.write_text(json.dumps(content | {SEAL: checksum}))
    except OSError:
        return


def _bytes(content: dict[str, Any]) -> bytes:
    """Return deterministic bytes of a content, fast for many names."""
    rest = {key: content[key] for key in content if key != 'files'}
    text = '\0'.join([json.dumps(rest, sort_keys=True), *content['files']])
    return text.encode('utf-8', 'surrogateescape')


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
