"""Lists of files to leave out: one line each, cause and path.

    # cause<TAB>path
    truncated<TAB>cats/0001.jpg

Paths are absolute, or relative to a folder known to the reader of the list;
special characters are escaped by ``escaped_path``. A run adds a third column
for its own use: the sample of the file. A line without a tab is a path alone.
"""

from collections.abc import Iterable
from os import PathLike
from typing import NamedTuple

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.escaped_path import escape, unescape
from mixmae.fileio.regular_file import regular_file

HEADER = '# cause\tpath\n'


class BadFile(NamedTuple):
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


def parse_line(line: str) -> BadFile | None:
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
        return BadFile('', unescape(columns[0]))
    return BadFile(columns[0], unescape(columns[1]), *columns[2:])


def read_bad_files(path: str | PathLike) -> list[BadFile]:
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
            f'the list of images to leave out {path} does not exist; '
            f'tools/dataset_converters/verify_images.py writes one'
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


def write_bad_files(
    path: str | PathLike, entries: Iterable[BadFile], note: str = ''
) -> None:
    """Write a list by an atomic write.

    Args:
        path: Path of the list.
        entries: Entries, in order.
        note: A comment of one line at the top.
    """
    text = f'# {note}\n{HEADER}' if note else HEADER
    text += ''.join(entry.line() for entry in entries)
    with atomic_write(path) as partial:
        partial.write_text(text, encoding='utf-8', newline='\n')
