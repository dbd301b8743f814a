"""Listing of the images below a folder, with a cache."""

from __future__ import annotations

import hashlib
import heapq
import os
import stat
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mixmae.fileio.image_formats import OPTIONAL_SUFFIXES, PACKAGES
from mixmae.fileio.safe_path import SHORTAGES, kind_of
from mixmae.fileio.shown_text import escape

# Number of suffixes named in a note.
NAMED_SUFFIXES = 10


@dataclass
class ImageListing:
    """Images below a folder, and the other files found there.

    Attributes:
        files: Paths relative to the folder, sorted.
        left_out: Number of skipped files by suffix.
        special: Number of special files by type, such as named pipes.
        repeated: Folders that are reached by a second path through links,
            and that path; their files are listed once. Both are relative to
            the folder.
    """

    files: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    special: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, str] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Return log lines about skipped files."""
        notes = []
        places = set(self.repeated.values())
        outermost = [one for one in places if _above(one).isdisjoint(places)]
        count = sum(map(self._files_below, outermost))
        if count:
            link, place = next(iter(self.repeated.items()))
            notes.append(
                f'{count:,} files have two paths and are listed once '
                f'({escape(link)} also links to {escape(place or ".")})'
            )
        if self.special:
            counts = [f'{n:,} {kind}' for kind, n in self.special.items()]
            notes.append(f'skipped, not regular files: {", ".join(counts)}')
        if self.left_out:
            counts = [
                f'{count:,} {escape(suffix) or "without a suffix"}'
                + (
                    f' (pip install {PACKAGES[OPTIONAL_SUFFIXES[suffix]]}'
                    ' to read them)'
                    if suffix in OPTIONAL_SUFFIXES
                    else ''
                )
                for suffix, count in Counter(self.left_out).most_common()
            ]
            more = len(counts) - NAMED_SUFFIXES
            notes.append(
                f'skipped by suffix: {", ".join(counts[:NAMED_SUFFIXES])}'
                + (f' and {more:,} more suffixes' if more > 0 else '')
            )
        return notes

    def _files_below(self, place: str) -> int:
        if not place:
            return len(self.files)
        # The character after a slash.
        ends = (f'{place}/', f'{place}0')
        first, last = (bisect_left(self.files, end) for end in ends)
        return last - first


def cache_beside(folder: str) -> str:
    """Return the default path of the cache: a hidden file next to the folder.

    If that is not writable, it is a file in the user's cache folder.
    """
    path = Path(folder).resolve()
    # Only folders that are listed by one of our datasets have a cache.
    from mixmae.fileio.listing_cache import cache_folder

    home = None if os.access(path.parent, os.W_OK) else cache_folder()
    if home is None:
        return str(path.parent / f'.{path.name}.mixmae_listing.json')
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return str(home / f'listing-{name}.json')


def check_folder(folder: str | os.PathLike) -> None:
    """Check that a folder can be listed.

    Raises:
        ValueError: The folder cannot be listed; names it.
    """
    try:
        with os.scandir(os.fspath(folder)):
            pass
    except OSError as error:
        raise ValueError(
            f'the folder {escape(str(folder))} cannot be listed: '
            f'{error.strerror}'
        ) from None


def list_folder(
    folder: str,
    suffixes: Collection[str],
    cache: str | None = None,
    unreadable: dict[str, str] | None = None,
) -> ImageListing:
    """List the images below a folder.

    Symbolic links are followed. A folder with several paths, for example
    through a link back to a parent, is listed once, by the path without links
    if there is one. Dangling links are listed; opening them reports the
    error. Hidden files and folders are skipped, as are special files: opening
    a named pipe would block.

    With a cache, an earlier listing is reused if it is valid (see
    ``read_cache``), which takes one ``stat`` per folder instead of a walk
    through the files. A stale, unreadable or forged cache, or one of another
    folder, is replaced; a cache that cannot be written is skipped.

    Args:
        folder: Folder to list.
        suffixes: Lower case, with the dot; compared case-insensitively.
        cache: File of the cached listing; None for no cache. It must not be
            below ``folder``, as writing it would change the folder's time.
        unreadable: Records subfolders that cannot be listed, and the reasons.
            Without it they raise an error.

    Raises:
        ValueError: A folder cannot be listed; names it.
    """
    folder = os.path.abspath(folder)
    about = {'folder': folder, 'suffixes': sorted(set(suffixes))}
    if cache is not None:
        # Listings of checks have no cache.
        from mixmae.fileio.listing_cache import read_cache

        known = read_cache(cache, about)
        if known is not None:
            return ImageListing(**known['listing'], files=known['files'])
    started = time.time_ns()
    walk = _Walk(folder, tuple(suffixes))
    if walk.refused and unreadable is None:
        first, reason = next(iter(walk.refused.items()))
        more = len(walk.refused) - 1
        place = os.path.join(folder, first) if first else folder
        raise ValueError(
            f'the folder {escape(place)}'
            + (f' ({more} more)' if more else '')
            + f' cannot be listed: {reason}; fix this, or move it'
        )
    if unreadable is not None:
        unreadable.update(walk.refused)
    if cache is not None and walk.listing.files and not walk.refused:
        from mixmae.fileio.listing_cache import write_cache

        rest: dict[str, Any] = asdict(walk.listing)
        content = {
            **about,
            'started': started,
            'times': walk.times,
            'files': rest.pop('files'),
            'listing': rest,
        }
        write_cache(cache, content)
    return walk.listing


class _Walk:
    """One walk over a folder and everything below it.

    Attributes:
        listing: Files found.
        times: Modification time of each folder, in nanoseconds.
        refused: Unreadable folders, and the reasons.
    """

    def __init__(self, folder: str, suffixes: tuple[str, ...]) -> None:
        self.folder = folder
        self.suffixes = suffixes
        self.listing = ImageListing()
        self.times: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        # Resolved folders, and the path of the first visit.
        self._seen: dict[str, str] = {}
        self._links: list[str] = []
        # Links last: of two paths, the one without links is kept.
        self._visit('', os.path.realpath(folder))
        while self._links:
            link = heapq.heappop(self._links)
            self._visit(link, os.path.realpath(os.path.join(folder, link)))
        self.listing.files.sort()

    def _visit(self, below: str, real: str) -> None:
        """Visit a folder and its subfolders."""
        pending = [(below, real)]
        while pending:
            below, real = pending.pop()
            if real in self._seen:
                self.listing.repeated[below] = self._seen[real]
                continue
            self._seen[real] = below
            for entry in self._entries(below):
                name = f'{below}/{entry.name}' if below else entry.name
                if not is_folder(entry):
                    self._file(entry, name)
                elif entry.is_symlink():
                    heapq.heappush(self._links, name)
                else:
                    pending.append((name, f'{real}/{entry.name}'))

    def _entries(self, below: str) -> list[os.DirEntry]:
        path = os.path.join(self.folder, below) if below else self.folder
        try:
            # Read the time first: files added later change it.
            modified = os.stat(path).st_mtime_ns
            with os.scandir(path) as entries:
                # Complete, or not at all.
                found = [e for e in entries if not e.name.startswith('.')]
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in SHORTAGES:
                raise ValueError(
                    f'the folder {escape(path)} cannot be listed: {reason}; '
                    'raise this limit (ulimit -n), or close other programs'
                ) from None
            self.refused[below] = reason
            return []
        self.times[below] = modified
        return found

    def _file(self, entry: os.DirEntry, name: str) -> None:
        kind = _kind(entry)
        if kind:
            special = self.listing.special
            special[kind] = special.get(kind, 0) + 1
        elif entry.name.lower().endswith(self.suffixes):
            self.listing.files.append(name)
        else:
            suffix = os.path.splitext(entry.name)[1].lower()
            left_out = self.listing.left_out
            left_out[suffix] = left_out.get(suffix, 0) + 1


def _above(place: str) -> set[str]:
    """Return the parent folders of a folder."""
    parts = place.split('/') if place else []
    return {'/'.join(parts[:count]) for count in range(len(parts))}


def is_folder(entry: os.DirEntry) -> bool:
    """Return True for a folder or a link to one that makes no cycle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _kind(entry: os.DirEntry) -> str:
    """Return the type of a special file; '' for files and dangling links."""
    try:
        # Known without a stat call, except for links.
        if entry.is_file():
            return ''
        mode = entry.stat().st_mode
    except OSError:
        return ''
    return '' if stat.S_ISDIR(mode) else kind_of(mode)
