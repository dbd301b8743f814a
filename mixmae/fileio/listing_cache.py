"""The listing of a folder, kept for the next run."""

from __future__ import annotations

import json
import os
from typing import Any

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.private_folder import is_sealed, seal
from mixmae.fileio.regular_file import regular_file
from mixmae.fileio.safe_path import path_fault

FORMAT = 2
# Some file systems keep times in steps of 2 s: a change within one step of
# the listing could go unseen, so such a listing is not trusted.
TIME_STEP_NS = 2_000_000_000
SEAL = 'seal'


def read_cache(cache: str, about: dict[str, Any]) -> dict[str, Any] | None:
    """Read a cache, if it is true.

    It is true if this user has written it, about the same folder and
    suffixes, and if no folder has changed since: adding, removing or renaming
    a file changes the time of its folder. Its names must be safe, see
    ``path_fault``.

    Args:
        cache: the file.
        about: what the listing must be of: ``folder`` and ``suffixes``.

    Returns:
        The content that ``write_cache`` was given; ``None`` if there is none
        that is true.
    """
    try:
        with open(cache, encoding='utf-8', opener=regular_file) as file:
            content = json.load(file)
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
    """Write a cache at one stroke; nothing happens where it cannot be.

    Args:
        cache: the file.
        content: ``folder``, ``suffixes``, ``files``, ``times`` of the folders
            and ``started``, when the listing began, in nanoseconds, and
            whatever else is to be kept.
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
    """The same bytes for the same content, made quickly of many names."""
    rest = {key: content[key] for key in content if key != 'files'}
    text = '\0'.join([json.dumps(rest, sort_keys=True), *content['files']])
    return text.encode('utf-8', 'surrogateescape')
