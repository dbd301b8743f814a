"""Tar shards: written deterministically, read with random access.

Equal images give equal tar files.
"""

import errno
import hashlib
import os
import tarfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.packed.sample_table import Sample, SampleTable, Shard
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.safe_path import SHORTAGES, regular_file

# Per process; most systems allow 1,024 open files. Opening one is cheap.
OPEN_FILES = 64
BLOCK = tarfile.BLOCKSIZE
# Two blocks of zeros, padded to the record size of tar.
END = bytes(tarfile.RECORDSIZE)
LABEL_SUFFIX = '.cls'


class ShardReader:
    """Encoded images, by location.

    Each process opens files on first use and reads at offsets (``pread``),
    without a shared file position. After pickling, and in a forked process,
    a reader has no open files.

    Args:
        folder, shards: All shards, and their folder.
        verify_checksums: Whether to compare the CRC-32 of a sample.
    """

    def __init__(
        self,
        folder: str,
        shards: Sequence[Shard],
        verify_checksums: bool = True,
    ) -> None:
        self.folder = folder
        self.shards = tuple(shards)
        self.verify_checksums = verify_checksums
        self._open: OrderedDict[int, int] = OrderedDict()
        self._process = os.getpid()

    def read(self, sample: Sample) -> bytes:
        """Return the encoded image of a sample.

        Raises:
            CorruptImageError: The shard is missing or truncated, or the bytes
                differ from the packed ones.
        """
        path = self.path(sample)
        try:
            data = self._pread(sample)
        except (FileNotFoundError, NotADirectoryError):
            raise CorruptImageError(
                path, 'missing', 'its shard does not exist'
            ) from None
        except OSError as error:
            if error.errno in SHORTAGES:
                raise
            detail = error.strerror or str(error)
            raise CorruptImageError(path, 'unreadable', detail) from None
        if len(data) < sample.size:
            detail = f'the shard has {len(data)} of {sample.size} bytes'
            raise CorruptImageError(path, 'truncated', detail)
        if not data:
            raise CorruptImageError(path, 'empty')
        if self.verify_checksums and sample.crc32 is not None:
            found = zlib.crc32(data)
            if found != sample.crc32:
                detail = (
                    f'CRC-32 is {found:08x}, was {sample.crc32:08x} when '
                    'packed'
                )
                raise CorruptImageError(path, 'wrong checksum', detail)
        return data

    def path(self, sample: Sample) -> str:
        """Return the name of a sample in messages and lists."""
        return os.path.join(self._file(sample.shard), sample.name)

    def close(self) -> None:
        """Close all files; they are reopened on demand."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _file(self, shard: int) -> str:
        return os.path.join(self.folder, self.shards[shard].name)

    def _pread(self, sample: Sample) -> bytes:
        try:
            return _read_fully(self._handle(sample.shard), sample)
        except OSError as error:
            # The file was replaced on a network file system.
            if error.errno != errno.ESTALE:
                raise
        handle = self._open.pop(sample.shard, None)
        # None if opening failed.
        if handle is not None:
            os.close(handle)
        return _read_fully(self._handle(sample.shard), sample)

    def _handle(self, shard: int) -> int:
        if self._process != os.getpid():
            # File descriptors of the parent; here they are copies.
            self.close()
            self._process = os.getpid()
        handle = self._open.get(shard)
        if handle is None:
            handle = regular_file(self._file(shard), os.O_RDONLY)
            self._open[shard] = handle
            if len(self._open) > OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(shard)
        return handle

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {'_open': OrderedDict()}

    def __del__(self) -> None:
        if getattr(self, '_open', None):
            self.close()


def _read_fully(handle: int, sample: Sample) -> bytes:
    """Read up to ``sample.size`` bytes; fewer at the end of the file."""
    # An index may declare any size, which would be allocated.
    there = os.fstat(handle).st_size - sample.offset
    size = min(sample.size, there)
    if size <= 0:
        return b''
    data = _read_at(handle, size, sample.offset)
    # A signal, or more than 2 GiB, may cause a short read.
    while data and len(data) < size:
        rest = size - len(data)
        more = _read_at(handle, rest, sample.offset + len(data))
        if not more:
            break
        data += more
    return data


def _read_at(handle: int, size: int, offset: int) -> bytes:
    if hasattr(os, 'pread'):
        return os.pread(handle, size, offset)
    # Windows has no pread; each process has its own file handles.
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, size)


class EncodedImage(NamedTuple):
    """An image to be written.

    Attributes:
        name: Name in the shard, with slashes.
        data: Content of the file.
        label: Index of its class; None if it has none.
    """

    name: str
    data: bytes
    label: int | None = None


def shard_name(number: int) -> str:
    """Return the name of the shard with this number, from 0."""
    return f'shard-{number:05d}.tar'


def write_shard(
    path: Path, images: Iterator[EncodedImage], max_bytes: int
) -> tuple[SampleTable, EncodedImage | None]:
    """Write images into one shard until it is full, by an atomic write.

    As in WebDataset, a label is a text file with the name of the image and
    the suffix .cls, right after it. Owners, modes and times are the same for
    all files.

    Args:
        path: The shard.
        images: At least one.
        max_bytes: Largest size of the shard, unless a single image is larger.

    Returns:
        The table of this shard, and the image that did not fit.

    Raises:
        OSError: The shard could not be written.
    """
    samples: list[Sample] = []
    rest = None
    with atomic_write(path) as partial, partial.open('wb') as file:
        output = _HashedFile(file)
        for image in images:
            entry, start = _entry(image.name, image.data)
            label = b''
            if image.label is not None:
                name = os.path.splitext(image.name)[0] + LABEL_SUFFIX
                label = _entry(name, str(image.label).encode())[0]
            size = output.written + len(entry) + len(label) + len(END)
            if samples and size > max_bytes:
                rest = image
                break
            samples.append(
                Sample(
                    shard=0,
                    name=image.name,
                    offset=output.written + start,
                    size=len(image.data),
                    crc32=zlib.crc32(image.data),
                    label=image.label,
                )
            )
            output.write(entry + label)
        output.write(END)
        file.flush()
        os.fsync(file.fileno())
    shard = Shard(path.name, output.written, output.digest.hexdigest())
    return SampleTable.of([shard], samples), rest


def _entry(name: str, data: bytes) -> tuple[bytes, int]:
    """Return a file as a tar entry, and the offset of its data in it."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    header = info.tobuf(tarfile.PAX_FORMAT, 'utf-8', 'surrogateescape')
    padding = bytes(-len(data) % BLOCK)
    return header + data + padding, len(header)


class _HashedFile:
    """File wrapper that hashes the written data."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.written = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.written += len(data)
