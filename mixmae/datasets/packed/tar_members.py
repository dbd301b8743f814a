"""Images in one tar file, by their headers."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from mixmae.datasets.packed.sample_table import Sample
from mixmae.datasets.packed.shard_writer import LABEL_SUFFIX
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.safe_path import path_fault, regular_file

# Digits of any number of classes; a longer text is not a label.
MAX_LABEL = 16
ZEROS = bytes(tarfile.BLOCKSIZE)
# Larger than any file, and within int64.
LARGEST = 2**62


class BoundedFile:
    """File whose reads are limited to its remaining bytes.

    A short header may declare any size, which ``read`` would allocate.

    Args:
        file: File opened for reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, or the remaining ones if fewer."""
        left = max(0, self._size - self.tell())
        return self._file.read(left if size < 0 else min(size, left))


class TarMembers:
    """The images in one tar.

    Args:
        path: Path of the tar.

    Attributes:
        whole: Whether the tar has an end marker; known after listing.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.whole = True

    def samples(self) -> list[Sample]:
        """Return locations and labels of the images, in order.

        Raises:
            ValueError: The file is not an uncompressed tar, or a name leads
                out of its folder.
        """
        images: list[tuple[str, int, int]] = []
        labels: dict[str, int] = {}
        with self._opened() as raw, self._listed(raw) as file:
            for member in self._members(file):
                fault = path_fault(member.name)
                if fault is not None:
                    raise ValueError(f'{self.path}: {fault}')
                if not member.isreg() or member.issparse():
                    continue
                name = os.path.normpath(member.name)
                stem, suffix = os.path.splitext(name)
                if suffix.lower() == LABEL_SUFFIX:
                    labels[stem] = _label(file, member)
                elif suffix.lower() in SUFFIXES and _shown(name):
                    images.append((name, member.offset_data, member.size))
        return [
            Sample(
                shard=0,
                name=name,
                offset=offset,
                size=size,
                crc32=None,
                label=labels.get(os.path.splitext(name)[0]),
            )
            for name, offset, size in images
        ]

    def _opened(self) -> BinaryIO:
        try:
            return open(self.path, 'rb', opener=regular_file)
        except OSError as error:
            raise ValueError(f'{self.path}: {error.strerror}') from None

    def _listed(self, raw: BinaryIO) -> tarfile.TarFile:
        bounded = cast(BinaryIO, BoundedFile(raw))
        try:
            return tarfile.open(self.path, 'r:', bounded)
        # tarfile raises arbitrary exceptions on invalid headers.
        except Exception as error:
            raise ValueError(
                f'{self.path} is not an uncompressed tar file ({error}); '
                'repair or remove it'
            ) from None

    def _members(self, file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """Yield members up to the end, or to where the file is damaged."""
        raw = file.fileobj
        assert raw is not None
        self.whole = False
        place = -1
        while True:
            try:
                member = file.next()
            # tarfile raises arbitrary exceptions on invalid headers.
            except Exception:
                return
            if member is None:
                break
            # Negative sizes would loop, others exceed any file system.
            if not 0 <= member.size < LARGEST or member.offset <= place:
                return
            place = member.offset
            yield member
            # Otherwise tarfile keeps all headers in memory.
            file.members = []  # type: ignore[attr-defined]
        # tarfile stops silently at damage; a complete tar ends with zeros.
        raw.seek(file.offset)
        self.whole = raw.read(tarfile.BLOCKSIZE) == ZEROS


def _shown(name: str) -> bool:
    """Return True if neither the file nor one of its folders is hidden."""
    return not any(part.startswith('.') for part in name.split('/'))


def _label(file: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    """Return the number in a text file; -1 if it holds none."""
    content = file.extractfile(member)
    text = b'' if content is None else content.read(MAX_LABEL).strip()
    return int(text) if text.isdigit() else -1
