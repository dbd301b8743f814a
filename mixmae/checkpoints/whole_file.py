"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A place to write to, which becomes ``path`` when all went well.

    Args:
        path: where the file shall be; folders are made, an old file stays
            until the new one is complete, and also if it never is.

    Yields:
        A path in the same folder. After an exception nothing is left there.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f'.{target.name}.{_writer()}.partial')
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _writer() -> str:
    """Process, machine, and by chance: containers share the first two."""
    # Shortened, for names of files may have 255 bytes.
    host = re.sub(r'[^A-Za-z0-9_-]', '_', os.uname().nodename)[:24]
    return f'{os.getpid()}-{host}-{secrets.token_hex(4)}'
