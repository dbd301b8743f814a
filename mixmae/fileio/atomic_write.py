"""Atomic writes of files."""

from __future__ import annotations

import os
import platform
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mixmae.fileio.regular_file import check_regular


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` on success.

    Args:
        path: Target file; missing folders are created. An existing file is
            kept until the new one is complete, and after a failure. A
            symbolic link is replaced itself, not its target.

    Yields:
        A path in the same folder. It is removed after an exception.

    Raises:
        SpecialFileError: See ``check_target``.
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
    """Check that a path may be replaced by a file.

    Renaming would replace even ``/dev/null``.

    Raises:
        SpecialFileError: The path, or the target of its link, is a folder, a
            device or another special file.
    """
    if os.path.exists(path):
        check_regular(os.stat(path).st_mode, path)


def check_output(path: str | os.PathLike) -> None:
    """Check, before the work, that a file can be written to a path.

    Nothing is left behind: its folder is created and removed again.

    Raises:
        ValueError: It cannot, with the reason.
    """
    target = Path(path)
    missing = [one for one in target.parents if not one.exists()]
    try:
        check_target(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        probe = target.with_name(f'.{target.name}.{_writer()}.partial')
        try:
            probe.touch()
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f'{path} cannot be written: {error.strerror or error}; name '
            f'another file'
        ) from None
    finally:
        for folder in missing:
            # Another process may use it by now.
            with suppress(OSError):
                folder.rmdir()


def _writer() -> str:
    """Return a unique name: containers may share process id and host."""
    # Shortened, because file names are limited to 255 bytes.
    host = re.sub(r'[^A-Za-z0-9_-]', '_', platform.node())[:24]
    return f'{os.getpid()}-{host}-{secrets.token_hex(4)}'
