"""Disk of a few megabytes that tests can fill."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoSmallDiskError(Exception):
    """A tmpfs cannot be mounted here."""


@contextmanager
def small_disk(folder: Path, megabytes: int = 4) -> Iterator[Path]:
    """Context manager that mounts a tmpfs.

    Raises:
        NoSmallDiskError: not allowed here, or not known.
    """
    folder.mkdir(parents=True)
    command = ['mount', '-t', 'tmpfs', '-o', f'size={megabytes}m', 'tmpfs']
    try:
        done = subprocess.run(
            [*command, str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise NoSmallDiskError(str(error)) from error
    if done.returncode:
        raise NoSmallDiskError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=False)


def fill(disk: Path, leave: int) -> Path:
    """Write a file that leaves a number of bytes free.

    Returns:
        The file.
    """
    ballast = disk / 'ballast'
    with ballast.open('wb', buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - leave))
    return ballast
