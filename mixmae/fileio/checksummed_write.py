"""Atomic writes with a checksum.

A checkpoint is written beside its target, flushed to the disk and renamed, so
that a kill at any instant leaves the old file or the new one. A sidecar
``<name>.sha256`` in the format of ``sha256sum`` allows a later check that the
bytes are unchanged.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.regular_file import regular_file

SIDECAR = '.sha256'
# Size of a checksum and the longest file name.
SIDECAR_BYTES = 1024


def checksummed_write(path: str | os.PathLike, data: bytes) -> None:
    """Write a file and its sidecar, each by an atomic write.

    Raises:
        OSError: The file could not be written; the old one is unchanged.
    """
    path = Path(path)
    # Between these steps the file has no sidecar, and its embedded checksums
    # are used; it never has the sidecar of another file.
    sidecar(path).unlink(missing_ok=True)
    _replace(path, data)
    line = f'{hashlib.sha256(data).hexdigest()}  {path.name}\n'
    _replace(sidecar(path), line.encode())


def write_text_durably(path: str | os.PathLike, text: str) -> None:
    """Write a small text file atomically, without a sidecar."""
    _replace(Path(path), text.encode())


def sidecar(path: str | os.PathLike) -> Path:
    """Return the path of a file's checksum."""
    path = Path(path)
    return path.with_name(path.name + SIDECAR)


def remove(path: str | os.PathLike) -> None:
    """Remove a file and its sidecar; either may be missing."""
    Path(path).unlink(missing_ok=True)
    sidecar(path).unlink(missing_ok=True)


def remove_partials(folder: str | os.PathLike) -> None:
    """Remove the partial files that killed processes left in a folder.

    No process may be writing there.
    """
    for path in Path(folder).glob('.*.[0-9]*.partial'):
        path.unlink(missing_ok=True)


def damage(path: str | os.PathLike) -> str | None:
    """Describe the damage of a checkpoint file, None if it is intact.

    Its bytes are compared with the sidecar. For files without one, such as
    MMEngine's own, the checksums inside the file are verified.
    """
    path = Path(path)
    if not os.path.isfile(path):
        return 'it is not there'
    if _noted(path) is None:
        return _damage_inside(path)
    return difference(path)


def difference(path: Path) -> str | None:
    """Describe how a file differs from its sidecar, None if it does not.

    A file without a sidecar does not differ.
    """
    noted = _noted(path)
    try:
        if noted is None or noted == digest_of(path):
            return None
    except OSError as error:
        return f'it cannot be read ({error.strerror})'
    return f'its bytes are not those that {sidecar(path).name} notes'


def _noted(path: Path) -> str | None:
    try:
        with open(sidecar(path), 'rb', opener=regular_file) as file:
            return file.read(SIDECAR_BYTES).decode(errors='replace').split()[0]
    except (OSError, IndexError):
        return None


def _replace(path: Path, data: bytes) -> None:
    try:
        with atomic_write(path) as partial, partial.open('wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # An error of an open file, such as a full disk, has no file name.
        error.filename = error.filename or str(path)
        raise
    # The name is an entry of the folder, which is flushed separately.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb', opener=regular_file) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _damage_inside(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    # Damaged headers cause many kinds of errors: passwords, methods, lengths.
    except Exception as error:
        return f'it is no whole file ({error})'
    return f'{broken} in it is damaged' if broken else None


class CheckpointWriteError(RuntimeError):
    """A checkpoint could not be written; the last good one is untouched."""
