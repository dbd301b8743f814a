"""Atomic writes of files, and of checkpoints with a checksum.

A file is written next to its target and renamed, so that a kill at any instant
leaves the old file or the new one. A checkpoint is flushed to the disk as
well, and a sidecar ``<name>.sha256`` in the format of ``sha256sum`` allows a
later check that the bytes are unchanged.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import platform
import re
import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from mixmae.fileio.safe_path import check_regular, regular_file


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` on success.

    A reader sees the old file or the new one, never a part. The data may not
    be on the disk yet; ``checksummed_write`` waits for that.

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
    partial = _partial_path(target)
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


@contextmanager
def new_files(folder: Path) -> Iterator[Path]:
    """Write several files, which appear in a folder when all are written.

    Args:
        folder: The folder; it is created, and removed after an error if it is
            empty. Files of the same names are replaced.

    Yields:
        A folder to write them to.
    """
    with (
        _kept_if_used(folder),
        TemporaryDirectory(prefix='.partial_', dir=folder) as partial,
    ):
        yield Path(partial)
        for path in sorted(Path(partial).rglob('*')):
            target = folder / path.relative_to(partial)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                path.replace(target)


@contextmanager
def _kept_if_used(folder: Path) -> Iterator[None]:
    """Create a folder and its parents; remove them again if they are empty."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for one in missing:
            # It holds something, or another process uses it by now.
            with suppress(OSError):
                one.rmdir()


def check_output(path: str | os.PathLike, suffix: str = '') -> None:
    """Check, before the work, that a file can be written to a path.

    No file is left: its folder is created and removed again.

    Args:
        path: Target file.
        suffix: Suffix of such files. Existing files with another suffix are
            not overwritten: they may be an image, a config or a checkpoint.

    Raises:
        ValueError: It cannot, with the reason.
    """
    target = Path(path)
    if suffix and target.is_file() and target.suffix != suffix:
        raise ValueError(
            f'{path} exists and does not end in {suffix}: it would be '
            'overwritten; choose another file'
        )
    try:
        check_target(target)
        with _kept_if_used(target.parent):
            probe = _partial_path(target)
            probe.touch()
            probe.unlink()
    except OSError as error:
        # mkdir() calls a file in the place of a folder an existing file.
        above = isinstance(error, FileExistsError)
        reason = os.strerror(errno.ENOTDIR) if above else error.strerror
        raise ValueError(
            f'{path} cannot be written: {reason or error}; choose another file'
        ) from None


def _partial_path(target: Path) -> Path:
    """Return a path beside the target that no other process uses."""
    # Shortened, because file names are limited to 255 bytes.
    host = re.sub(r'[^A-Za-z0-9_-]', '_', platform.node())[:24]
    # Containers may share process id and host.
    writer = f'{os.getpid()}-{host}-{secrets.token_hex(4)}'
    return target.with_name(f'.{target.name}.{writer}.partial')


# Name of a partial file, with the name of its target.
PARTIAL = re.compile(r'\.(.+)\.\d+-[\w-]*-[0-9a-f]{8}\.partial', re.S)
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
    _write_durably(path, data)
    line = f'{hashlib.sha256(data).hexdigest()}  {path.name}\n'
    _write_durably(sidecar(path), line.encode())


def write_text_durably(path: str | os.PathLike, text: str) -> None:
    """Write a small text file atomically, without a sidecar."""
    # Paths may hold bytes that are not UTF-8.
    _write_durably(Path(path), text.encode(errors='surrogateescape'))


def sidecar(path: str | os.PathLike) -> Path:
    """Return the path of a file's checksum."""
    path = Path(path)
    return path.with_name(path.name + SIDECAR)


def remove(path: str | os.PathLike) -> None:
    """Remove a file and its sidecar; either may be missing."""
    Path(path).unlink(missing_ok=True)
    sidecar(path).unlink(missing_ok=True)


def remove_partials(
    folder: str | os.PathLike, is_ours: Callable[[str], bool]
) -> None:
    """Remove the partial files that killed processes left in a folder.

    Args:
        folder: Folder of the files.
        is_ours: Whether the caller writes files of this name; no process may
            be writing them. Others may write other files there.
    """
    for path in Path(folder).glob('.*.partial'):
        found = PARTIAL.fullmatch(path.name)
        if found and is_ours(found[1]):
            path.unlink(missing_ok=True)


def damage(path: str | os.PathLike) -> str | None:
    """Describe the damage of a checkpoint file, None if it is intact.

    Its bytes are compared with the sidecar. For files without one, such as
    MMEngine's own, the checksums inside the file are verified.
    """
    path = Path(path)
    if not os.path.isfile(path):
        there = os.path.lexists(path)
        return 'it is no file' if there else 'it is not there'
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
    return f'its bytes differ from the checksum in {sidecar(path).name}'


def _noted(path: Path) -> str | None:
    try:
        with open(sidecar(path), 'rb', opener=regular_file) as file:
            return file.read(SIDECAR_BYTES).decode(errors='replace').split()[0]
    except (OSError, IndexError):
        return None


def _write_durably(path: Path, data: bytes) -> None:
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


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file by an atomic write."""
    with (
        atomic_write(path) as partial,
        partial.open('w', encoding='utf-8', newline='') as file,
    ):
        csv.writer(file).writerows(rows)


def digest_of(path: str | os.PathLike) -> str:
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
        return f'it is incomplete ({error})'
    return f'{broken} in it is damaged' if broken else None


class CheckpointWriteError(RuntimeError):
    """A checkpoint could not be written; the last good one is untouched."""
