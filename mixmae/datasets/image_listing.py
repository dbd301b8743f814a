"""Lists the images below a folder, and remembers the list."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from mixmae.fileio.escaped_path import escape

FORMAT = 1
# Some file systems keep times in steps of 2 s: a change within one step of
# the listing could go unseen, so such a listing is not trusted.
TIME_STEP_NS = 2_000_000_000


def list_images(
    folder: str,
    suffixes: Collection[str],
    cache: str | None = None,
    unreadable: dict[str, str] | None = None,
) -> list[str]:
    """Paths of the images below a folder, relative to it and sorted.

    Symbolic links are followed (a link back up is noticed, one that leads
    nowhere is listed). Hidden files and folders are skipped, and what is no
    file, such as a pipe.

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
        unreadable: where to note folders below that cannot be looked into,
            and why. Without it they are an error.

    Raises:
        ValueError: a folder cannot be looked into; names it.
    """
    folder = os.path.abspath(folder)
    suffixes = sorted(set(suffixes))
    if cache is not None:
        known = _read(cache, folder, suffixes)
        if known is not None:
            return known
    started = time.time_ns()
    refused: dict[str, str] = {}
    files, times = _walk(folder, tuple(suffixes), refused)
    if refused and unreadable is None:
        first, reason = next(iter(refused.items()))
        more = f' ({len(refused) - 1} more)' if len(refused) > 1 else ''
        raise ValueError(
            f'the folder {escape(os.path.join(folder, first))}{more} cannot '
            f'be looked into: {reason}; mend that, or move it elsewhere'
        )
    if unreadable is not None:
        unreadable.update(refused)
    if cache is not None and files and not refused:
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
    folder: str, suffixes: tuple[str, ...], refused: dict[str, str]
) -> tuple[list[str], dict[str, int]]:
    """Files (sorted), and the time of each folder in nanoseconds.

    Notes in ``refused`` which folders below cannot be read, and why.
    """
    files: list[str] = []
    times: dict[str, int] = {}
    pending: list[tuple[str, tuple[str, ...]]] = [('', ())]
    while pending:
        below, ancestors = pending.pop()
        path = os.path.join(folder, below)
        real = os.path.realpath(path)
        if real in ancestors:
            continue
        try:
            # The time is taken first: a file that comes later changes it.
            modified = os.stat(path).st_mtime_ns
            with os.scandir(path) as entries:
                # Complete, or not at all.
                found = [e for e in entries if not e.name.startswith('.')]
        except OSError as error:
            refused[below] = error.strerror or str(error)
            continue
        times[below] = modified
        for entry in found:
            name = f'{below}/{entry.name}' if below else entry.name
            if _is(entry.is_dir):
                pending.append((name, (*ancestors, real)))
            elif entry.name.lower().endswith(suffixes) and (
                entry.is_symlink() or _is(entry.is_file)
            ):
                files.append(name)
    return sorted(files), times


def _is(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except OSError:
        # A link in a circle is neither; whoever opens it says so.
        return False


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
