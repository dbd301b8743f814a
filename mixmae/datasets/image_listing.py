"""Lists the images below a folder, and remembers the list."""

import json
import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

FORMAT = 1
# Some file systems keep times in steps of 2 s: a change within one step of
# the listing could go unseen, so such a listing is not trusted.
TIME_STEP_NS = 2_000_000_000


def list_images(
    folder: str, suffixes: Collection[str], cache: str | None = None
) -> list[str]:
    """Paths of the images below a folder, relative to it and sorted.

    Symbolic links are followed (a link back up is noticed). Hidden files and
    folders are skipped.

    With a cache, a list made before is read back instead of walking through
    the files, if it is still true: adding, removing or renaming a file
    changes the time of its folder, so one look at each folder tells. A cache
    that is stale, unreadable or another folder's is made anew; one that
    cannot be written is done without.

    Args:
        folder: where to look.
        suffixes: lower case, with the dot; those of files are compared
            without regard to case.
        cache: file to keep the list in; None for no cache. It must not lie
            below ``folder``, for writing it would change the folder's time.
    """
    folder = os.path.abspath(folder)
    suffixes = sorted(set(suffixes))
    if cache is not None:
        known = _read(cache, folder, suffixes)
        if known is not None:
            return known
    started = time.time_ns()
    files, times = _walk(folder, tuple(suffixes))
    if cache is not None and files:
        content = {
            'format': FORMAT,
            'folder': folder,
            'suffixes': suffixes,
            'started': started,
            'times': times,
            'files': files,
        }
        _write(cache, content)
    return files


def cache_beside(folder: str) -> str:
    """The default place of the cache: a hidden file next to the folder."""
    path = Path(folder).resolve()
    return str(path.parent / f'.{path.name}.mixmae_listing.json')


def _walk(
    folder: str, suffixes: tuple[str, ...]
) -> tuple[list[str], dict[str, int]]:
    """Files (sorted), and the time of each folder in nanoseconds."""
    files: list[str] = []
    times: dict[str, int] = {}
    pending: list[tuple[str, tuple[str, ...]]] = [('', ())]
    while pending:
        below, ancestors = pending.pop()
        path = os.path.join(folder, below)
        real = os.path.realpath(path)
        if real in ancestors:
            continue
        # The time is taken first: a file that comes later changes it.
        times[below] = os.stat(path).st_mtime_ns
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith('.'):
                    continue
                name = f'{below}/{entry.name}' if below else entry.name
                if entry.is_dir():
                    pending.append((name, (*ancestors, real)))
                elif entry.name.lower().endswith(suffixes):
                    files.append(name)
    return sorted(files), times


def _read(cache: str, folder: str, suffixes: list[str]) -> list[str] | None:
    """The list in a cache, None if there is none that is true."""
    try:
        with open(cache, encoding='utf-8') as file:
            content = json.load(file)
        asked = [FORMAT, folder, suffixes]
        held = [content[key] for key in ('format', 'folder', 'suffixes')]
        if held != asked:
            return None
        settled = content['started'] - TIME_STEP_NS
        for below, modified in content['times'].items():
            path = os.path.join(folder, below)
            if modified > settled or os.stat(path).st_mtime_ns != modified:
                return None
        return content['files']
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(cache: str, content: dict) -> None:
    """Writes the cache at one stroke; readers see the old or the new one."""
    place = os.path.dirname(os.path.abspath(cache))
    try:
        handle, temporary = tempfile.mkstemp(dir=place, prefix='.listing-')
    except OSError:
        return
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            json.dump(content, file)
        # mkstemp's files are private; a list is as public as its folder.
        os.chmod(temporary, 0o644)
        os.replace(temporary, cache)
    except OSError:
        os.unlink(temporary)
