"""List of corrupt files shared by all workers of all ranks of a run."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from mmengine.logging import print_log

from mixmae.datasets.corrupt.corrupt_file_list import (
    HEADER,
    BadFile,
    parse_line,
    write_bad_files,
)
from mixmae.fileio.regular_file import own_file

REGISTER = 'bad_files.txt'


class CorruptFileRegister:
    """One process's view of ``work_dir/bad_files.txt``.

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
        self._entries: dict[str, BadFile] = {}
        self._torn = False
        self._failed = False

    def entries(self) -> list[BadFile]:
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

    def add(self, entry: BadFile) -> None:
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
                    f'{self.path} cannot be written ({error.strerror}): bad '
                    f'files are named here alone',
                    logger='current',
                    level=logging.WARNING,
                )
            self._failed = True
        self._entries.setdefault(entry.path, entry)

    def replace(self, entries: Iterable[BadFile]) -> None:
        """Replace the content of the list; no other process may write to it.

        A list without entries is removed.

        Raises:
            OSError: The list cannot be written; the old one is kept.
        """
        entries = list(entries)
        if entries:
            write_bad_files(self.path, entries)
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
