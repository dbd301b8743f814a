"""Lists of corrupt files, written by a run or given to leave them out.

One line each, cause and path:

    # cause<TAB>path
    truncated<TAB>cats/0001.jpg

Paths are absolute, or relative to a folder known to the reader of the list;
special characters are escaped by ``escaped_path``. A run adds a third column
for its own use: the sample of the file. A line without a tab is only a path.
"""

import logging
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.safe_path import own_file, regular_file
from mixmae.fileio.shown_text import escape, unescape

HEADER = '# cause\tpath\n'


class CorruptFile(NamedTuple):
    """A file to leave out, and the cause.

    Attributes:
        cause: One of ``CAUSES``, or another word; '' if the list gives none.
        path: Path of the file.
        sample: Sample of the file in the run that listed it, e.g.
            'train/12', index 12 of the training set.
    """

    cause: str
    path: str
    sample: str = ''

    def line(self) -> str:
        """Return the entry as a line of a list."""
        columns = [self.cause, escape(self.path), self.sample]
        return '\t'.join(columns if self.sample else columns[:2]) + '\n'


def parse_line(line: str) -> CorruptFile | None:
    """Parse a line of a list; None for a comment or an empty line.

    Raises:
        ValueError: The line is invalid.
    """
    line = line.rstrip('\r\n')
    if not line.strip() or line.startswith('#'):
        return None
    columns = line.split('\t')
    if len(columns) > 3:
        raise ValueError(
            f'{line[:200]!r} has {len(columns)} columns; a line is a cause, '
            f'a tab and a path'
        )
    if len(columns) == 1:
        return CorruptFile('', unescape(columns[0]))
    # Its name until version 0.1.
    cause = columns[0].replace('wrong sum', 'wrong checksum')
    return CorruptFile(cause, unescape(columns[1]), *columns[2:])


def read_corrupt_files(path: str | PathLike) -> list[CorruptFile]:
    """Return the entries of a list, in order.

    Raises:
        FileNotFoundError: The list does not exist.
        ValueError: A line is invalid; the message names it.
    """
    try:
        # Not splitlines(), which splits at other characters, too.
        with open(path, 'rb', opener=regular_file) as file:
            lines = file.read().split(b'\n')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'exclude list {path} does not exist; mixmae check-data writes one'
        ) from None
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror or error}') from None
    entries = []
    for number, raw in enumerate(lines, 1):
        try:
            entry = parse_line(raw.decode('utf-8', 'surrogateescape'))
        except ValueError as error:
            raise ValueError(f'{path}, line {number}: {error}') from None
        if entry is not None:
            entries.append(entry)
    return entries


def excluded_paths(lists: Iterable[str], folder: str) -> set[str]:
    """Return the absolute paths in lists; relative ones start from a folder.

    Raises:
        FileNotFoundError, ValueError: See ``read_corrupt_files``.
    """
    return {
        os.path.abspath(os.path.join(folder, entry.path))
        for path in lists
        for entry in read_corrupt_files(os.path.expanduser(path))
    }


def write_corrupt_files(
    path: str | PathLike, entries: Iterable[CorruptFile], note: str = ''
) -> None:
    """Write a list by an atomic write; the note is a comment at its top."""
    text = f'# {note}\n{HEADER}' if note else HEADER
    text += ''.join(entry.line() for entry in entries)
    with atomic_write(path) as partial:
        partial.write_text(text, encoding='utf-8', newline='\n')


REGISTER = 'corrupt_files.txt'
# Name until version 0.1; still read.
OLD_REGISTER = 'bad_files.txt'


class CorruptFileRegister:
    """One process's view of ``work_dir/corrupt_files.txt``.

    Each line is appended by a single write, so lines of several processes do
    not mix, and written lines survive a crash. A process reads the lines of
    others when it adds one itself or when ``look`` is called. A listed file
    is not listed again. (Two processes that find the same file at the same
    instant may both list it; the second line is ignored.)

    If the list is not writable, this is logged once and the run continues.

    Args:
        path: Path of the list; it need not exist.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._read = 0
        self._entries: dict[str, CorruptFile] = {}
        self._torn = False
        self._failed = False

    def entries(self) -> list[CorruptFile]:
        """Return the known entries, in order."""
        return list(self._entries.values())

    def samples(self, name: str) -> dict[int, str]:
        """Return index and cause of the entries of the dataset ``name``."""
        found = {}
        for entry in self._entries.values():
            owner, _, index = entry.sample.rpartition('/')
            if owner == name and index.isdecimal():
                found[int(index)] = entry.cause
        return found

    def look(self) -> None:
        """Read the lines that other processes have added."""
        try:
            with open(self.path, 'rb', opener=own_file) as file:
                file.seek(self._read)
                added = file.read()
        except OSError:
            return
        # A line without a newline is truncated, or still being written.
        whole, line_break, rest = added.rpartition(b'\n')
        self._read += len(whole) + len(line_break)
        self._torn = bool(rest)
        for raw in whole.split(b'\n'):
            try:
                entry = parse_line(raw.decode('utf-8', 'surrogateescape'))
            except ValueError:
                continue
            if entry is not None:
                self._entries.setdefault(entry.path, entry)

    def add(self, entry: CorruptFile) -> None:
        """Append a file, unless it is already listed."""
        self.look()
        if entry.path in self._entries:
            return
        try:
            self._append(entry.line())
            self.look()
        except OSError as error:
            if not self._failed:
                print_log(
                    f'{self.path} cannot be written ({error.strerror}): '
                    'corrupt files are listed in this log only',
                    logger='current',
                    level=logging.WARNING,
                )
            self._failed = True
        self._entries.setdefault(entry.path, entry)

    def replace(self, entries: Iterable[CorruptFile]) -> None:
        """Replace the content of the list; no other process may write to it.

        A list without entries is removed.

        Raises:
            OSError: The list cannot be written; the old one is kept.
        """
        entries = list(entries)
        if entries:
            write_corrupt_files(self.path, entries)
        else:
            self.path.unlink(missing_ok=True)
        self._read, self._entries, self._torn = 0, {}, False
        self.look()

    def _append(self, line: str) -> None:
        if self._torn:
            line = '\n' + line
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            handle = own_file(self.path, flags | os.O_EXCL)
            line = HEADER + line
        except FileExistsError:
            handle = own_file(self.path, flags)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)
