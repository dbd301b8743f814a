"""Writer of deterministic shards: equal images give equal tar files."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mixmae.datasets.packed.sample_table import Sample, SampleTable, Shard
from mixmae.fileio.atomic_write import atomic_write

BLOCK = tarfile.BLOCKSIZE
# Two blocks of zeros, padded to the record size of tar.
END = bytes(tarfile.RECORDSIZE)
LABEL_SUFFIX = '.cls'


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
        path: Path of the shard.
        images: Images to write, at least one.
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
                text = str(image.label).encode()
                label = _entry(_label_name(image.name), text)[0]
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


def _label_name(name: str) -> str:
    return os.path.splitext(name)[0] + LABEL_SUFFIX


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
