"""Diagnosis of image files that cannot be read."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mixmae.datasets.corrupt.corrupt_image_error import (
    CorruptImageError,
    unsupported,
)
from mixmae.datasets.images.image_headers import HEAD, TIFF, undecoded
from mixmae.datasets.images.jpeg_decoder import START
from mixmae.fileio.safe_path import SHORTAGES, regular_file

# Magic numbers of the usual formats.
STARTS = {
    b'\xff\xd8\xff': 'JPEG',
    b'\x89PNG\r\n\x1a\n': 'PNG',
    b'GIF8': 'GIF',
    b'II*\0': 'TIFF',
    b'MM\0*': 'TIFF',
    b'II+\0': 'BigTIFF',
    b'MM\0+': 'BigTIFF',
    b'\x93NUMPY': 'NumPy array',
}


def opened_file(path: str, content: bytes | None) -> BinaryIO:
    """Open ``content`` as a file, or ``path`` if it is None."""
    # Never pass the path: Pillow would memory-map some files, and images that
    # an orientation turns by 90 degrees would be scrambled.
    if content is not None:
        return io.BytesIO(content)
    return open(path, 'rb', opener=regular_file)


@contextmanager
def diagnosed(path: str, content: bytes | None = None) -> Iterator[None]:
    """Convert errors about a file to ``CorruptImageError``."""
    try:
        yield
    except (MemoryError, CorruptImageError):
        # The former is caused by the machine, not by the file.
        raise
    except Exception as error:
        # Decoders raise arbitrary exceptions on corrupt data.
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            raise
        raise _diagnosis(path, content, error) from error


def jpeg_content(path: str, content: bytes | None = None) -> bytes | None:
    """Return the content of a file that starts like a JPEG, else None.

    Raises:
        CorruptImageError: The file cannot be read.
    """
    if content is not None:
        return content if content[: len(START)] == START else None
    with (
        diagnosed(path),
        open(path, 'rb', buffering=0, opener=regular_file) as file,
    ):
        # Of a video renamed to .png, only this is read.
        head = file.read(len(START))
        if head != START:
            return None
        size = os.fstat(file.fileno()).st_size
        data = head + file.read(size)
        # A short read, a growing file, or one without a size.
        return data if len(data) == size else data + file.readall()


def _diagnosis(
    path: str, content: bytes | None, error: Exception
) -> CorruptImageError:
    """Return the error of a file for an exception of a decoder."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return CorruptImageError(path, 'missing')
    if isinstance(error, OSError) and error.errno is not None:
        detail = error.strerror or os.strerror(error.errno)
        return CorruptImageError(path, 'unreadable', detail)
    if isinstance(error, Image.DecompressionBombError):
        detail = f'{error} max_pixels sets the limit'
        return CorruptImageError(path, 'too large', detail)
    try:
        with opened_file(path, content) as file:
            return _content_diagnosis(path, file, error)
    except OSError as changed:
        # Another process has changed it since the decoder read it.
        detail = changed.strerror or str(changed)
        return CorruptImageError(path, 'unreadable', detail)


def _content_diagnosis(
    path: str, file: BinaryIO, error: Exception
) -> CorruptImageError:
    """Return the error of an open file for an exception of a decoder."""
    head, size = file.read(HEAD), file.seek(0, os.SEEK_END)
    if not size:
        return CorruptImageError(path, 'empty')
    unknown = isinstance(error, UnidentifiedImageError)
    what = _undecoded(file, head, unknown)
    if what:
        return unsupported(path, what, 'convert it to 8-bit RGB')
    text = f'{type(error).__name__}: {error}'
    if not unknown and 'unsupported' in text.lower():
        # Messages of Pillow. For unknown formats they contain the path.
        return unsupported(path, text, 'convert it to 8-bit RGB')
    if what is None:
        return CorruptImageError(path, 'truncated', 'it ends in its header')
    if unknown:
        # The text of the exception is the path again.
        return _unknown(path, head)
    cut_off = isinstance(error, EOFError) or 'truncated' in text.lower()
    # Pillow's WebP decoder does not report the reason of a failure.
    cut_off |= _declared_size(head) > size
    cause = 'truncated' if cut_off else 'damaged'
    return CorruptImageError(path, cause, text)


def _unknown(path: str, head: bytes) -> CorruptImageError:
    """Return the error of a file that no decoder opens."""
    starts = (name for start, name in STARTS.items() if head.startswith(start))
    name = next(starts, '')
    if not name:
        detail = 'not a supported format'
        return CorruptImageError(path, 'no image', detail)
    detail = f'it begins like a {name}, but its header is invalid'
    return CorruptImageError(path, 'damaged', detail)


def _undecoded(file: BinaryIO, head: bytes, unknown: bool) -> str | None:
    """Name the unsupported content of an intact file; '' if it is corrupt.

    Args:
        file: The file; its position is changed.
        head: Its first ``HEAD`` bytes.
        unknown: Whether no decoder opened it.

    Returns:
        ``None`` for a TIFF that ends in its header.
    """
    if not unknown and not head.startswith(START):
        return ''
    try:
        if unknown and head.startswith(TIFF):
            # Imported with the first TIFF.
            from mixmae.datasets.images.tiff_header import tiff_directories

            with suppress(KeyError, struct.error):
                list(tiff_directories(file))
        return undecoded(file)
    except EOFError:
        return None
    except OSError:
        return ''


def _declared_size(head: bytes) -> int:
    """Return the size that the head of a WebP file declares, else 0."""
    if head[:4] != b'RIFF' or len(head) < 12:
        return 0
    return struct.unpack('<I', head[4:8])[0] + 8
