"""Cache of the listing of a folder: format, validity, writing.

``image_listing.cache_beside`` says where the file is.
"""

from __future__ import annotations

import json
import os
from typing import Any

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.private_folder import is_sealed, seal
from mixmae.fileio.safe_path import path_fault, read_json

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
