"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mixmae.fileio.regular_file import check_regular


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """A place to write to, which becomes ``path`` when all went well.

    Args:
        path: where the file shall be; folders are made, an old file stays
            until the new one is complete, and also if it never is. Of a
            symbolic link the link is replaced, not the file it leads to.

    Yields:
        A path in the same folder. After an exception nothing is left there.

    Raises:
        SpecialFileError: see ``check_target``.
    """
    target = Path(path)
    check_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f'.{target.name}.{_writer()}.partial')
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def check_target(path: str | os.PathLike) -> None:
    """Check, before the work, that a file may be put in a place.

    Renaming would put one in the place of ``/dev/null``, too.

    Raises:
        SpecialFileError: there is a folder, a device or the like, by a link
            perhaps.
    """
    if os.path.exists(path):
        check_regular(os.stat(path).st_mode, path)


def _writer() -> str:
    """Process, machine, and by chance: containers share the first two."""
    # Shortened, for names of files may have 255 bytes.
    host = re.sub(r'[^A-Za-z0-9_-]', '_', os.uname().nodename)[:24]
    return f'{os.getpid()}-{host}-{secrets.token_hex(4)}'
