"""Lists of files that are not to be used: one line each, cause and path.

    # cause<TAB>path
    truncated<TAB>cats/0001.jpg

Paths are absolute, or relative to a folder that whoever reads the list
knows; special characters in them are written as ``escaped_path`` says. A run
adds a third column, the sample that the file is, for itself. A line without a
tab is a path alone.
"""

from collections.abc import Iterable
from os import PathLike
from typing import NamedTuple

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.escaped_path import escape, unescape
from mixmae.fileio.regular_file import regular_file

HEADER = '# cause\tpath\n'


class BadFile(NamedTuple):
    """A file, and why it is not to be used.

    Attributes:
        cause: one of ``CAUSES``, or another word; '' if the list says none.
        path: of the file.
        sample: what it is for the run that listed it, e.g. 'train/12', the
            sample of index 12 of the training set.
    """

    cause: str
    path: str
    sample: str = ''

    def line(self) -> str:
        """As it stands in a list."""
        columns = [self.cause, escape(self.path), self.sample]
        return '\t'.join(columns if self.sample else columns[:2]) + '\n'


def parse_line(line: str) -> BadFile | None:
    """What a line of a list says; None of a comment or an empty line.

    Raises:
        ValueError: the line is none of a list.
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
    """The entries of a list, in its order.

    Raises:
        FileNotFoundError: there is no such list.
        ValueError: a line is none of a list; names it.
    """
    try:
        # Not splitlines(), which takes other characters for line breaks.
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
    """Writes a list, whole or not at all.

    Args:
        path: where to.
        entries: in their order.
        note: a comment of one line, on top.
    """
    text = f'# {note}\n{HEADER}' if note else HEADER
    text += ''.join(entry.line() for entry in entries)
    with atomic_write(path) as partial:
        partial.write_text(text, encoding='utf-8', newline='\n')
