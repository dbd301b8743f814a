"""Files that are whole, or not there.

A checkpoint is written beside its name, flushed to the disk and renamed, so
that a kill at any instant leaves the old file or the new one. A sidecar
``<name>.sha256`` in the format of ``sha256sum`` tells later whether the bytes
are still those that were written.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.regular_file import regular_file

SIDECAR = '.sha256'
# Of a checksum and the longest name there is.
SIDECAR_BYTES = 1024


def checksummed_write(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file and its sidecar, each whole or not at all.

    Raises:
        OSError: it could not be written; what was there before still is.
    """
    path = Path(path)
    # Between these steps the file has no sidecar and is asked for its own
    # checksums; it never has another file's.
    sidecar(path).unlink(missing_ok=True)
    _replace(path, data)
    line = f'{hashlib.sha256(data).hexdigest()}  {path.name}\n'
    _replace(sidecar(path), line.encode())


def write_text_durably(path: str | os.PathLike, text: str) -> None:
    """Writes a small text file whole or not at all, without a sidecar."""
    _replace(Path(path), text.encode())


def sidecar(path: str | os.PathLike) -> Path:
    """Where the checksum of a file stands."""
    path = Path(path)
    return path.with_name(path.name + SIDECAR)


def remove(path: str | os.PathLike) -> None:
    """Removes a file and its sidecar; neither need be there."""
    Path(path).unlink(missing_ok=True)
    sidecar(path).unlink(missing_ok=True)


def remove_partials(folder: str | os.PathLike) -> None:
    """Removes what killed processes left half-written in a folder.

    Nobody may be writing there now.
    """
    for path in Path(folder).glob('.*.[0-9]*.partial'):
        path.unlink(missing_ok=True)


def damage(path: str | os.PathLike) -> str | None:
    """What is wrong with a checkpoint file, None if nothing is.

    Its bytes are compared with the sidecar. Files without one, such as
    MMEngine's own, are asked for the checksums that they carry inside.
    """
    path = Path(path)
    if not os.path.isfile(path):
        return 'it is not there'
    if _noted(path) is None:
        return _damage_inside(path)
    return difference(path)


def difference(path: Path) -> str | None:
    """In what a file differs from its sidecar, None if in nothing.

    A file without one does not.
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
        # A full disk is told of an open file, which has no name any more.
        error.filename = error.filename or str(path)
        raise
    # The name is in the folder, which is flushed by itself.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb', opener=regular_file) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _damage_inside(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    # Damaged headers ask for passwords, methods and lengths of all kinds.
    except Exception as error:
        return f'it is no whole file ({error})'
    return f'{broken} in it is damaged' if broken else None


class CheckpointWriteError(RuntimeError):
    """A checkpoint could not be written; the last good one is untouched."""
