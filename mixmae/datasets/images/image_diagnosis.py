"""Cause of the error of an image file that cannot be read."""

from __future__ import annotations

import errno
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
from mixmae.datasets.images.image_headers import HEAD, undecoded
from mixmae.datasets.images.jpeg_header import START
from mixmae.datasets.images.tiff_header import is_tiff, tiff_directories
from mixmae.fileio.regular_file import regular_file

# A lack of the machine, not a fault of the file.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# How files of the usual formats begin.
STARTS = {
    b'\xff\xd8\xff': 'JPEG',
    b'\x89PNG\r\n\x1a\n': 'PNG',
    b'GIF8': 'GIF',
    b'II*\0': 'TIFF',
    b'MM\0*': 'TIFF',
}


@contextmanager
def opened_file(path: str, content: bytes | None) -> Iterator[BinaryIO]:
    """The content of a file, or of ``path`` if that is None."""
    # Never by the path: Pillow would map some files into memory, and those of
    # them that an orientation turns by 90 degrees come out scrambled.
    if content is not None:
        yield io.BytesIO(content)
        return
    with open(path, 'rb', opener=regular_file) as file:
        yield file


@contextmanager
def diagnosed(path: str, content: bytes | None = None) -> Iterator[None]:
    """Turns errors about a file into ``CorruptImageError``."""
    try:
        yield
    except (MemoryError, CorruptImageError):
        # The former is a matter of the machine, not of the file.
        raise
    except Exception as error:
        # Decoders raise whatever they like on broken data.
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            raise
        raise _diagnosis(path, content, error) from error


def _diagnosis(
    path: str, content: bytes | None, error: Exception
) -> CorruptImageError:
    """The error of a file that a decoder raised another one for."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return CorruptImageError(path, 'missing')
    if isinstance(error, OSError) and error.errno is not None:
        detail = error.strerror or os.strerror(error.errno)
        return CorruptImageError(path, 'unreadable', detail)
    if isinstance(error, Image.DecompressionBombError):
        detail = f'{error} max_pixels sets how many are allowed'
        return CorruptImageError(path, 'too large', detail)
    shortened = _is_shortened(path, content)
    if shortened is None:
        return CorruptImageError(path, 'empty')
    unknown = isinstance(error, UnidentifiedImageError)
    what = _undecoded(path, content, unknown)
    if what:
        return unsupported(path, what, 'convert it to 8-bit RGB')
    text = f'{type(error).__name__}: {error}'
    if not unknown and 'unsupported' in text.lower():
        # Words of Pillow. Those of what it does not know name the path.
        return unsupported(path, text, 'convert it to 8-bit RGB')
    if what is None:
        return CorruptImageError(path, 'truncated', 'it ends in its header')
    if unknown:
        # Its own text is the path again.
        return _unknown(path, content)
    cut_off = isinstance(error, EOFError) or 'truncated' in text.lower()
    cause = 'truncated' if cut_off or shortened else 'damaged'
    return CorruptImageError(path, cause, text)


def _unknown(path: str, content: bytes | None) -> CorruptImageError:
    """The error of a file that no decoder opens."""
    head = b''
    with suppress(OSError), opened_file(path, content) as file:
        head = file.read(HEAD)
    starts = (name for start, name in STARTS.items() if head.startswith(start))
    name = next(starts, '')
    if not name:
        detail = 'none of the formats that are read'
        return CorruptImageError(path, 'no image', detail)
    detail = f'it begins as a {name}, but no decoder takes its header'
    return CorruptImageError(path, 'damaged', detail)


def _undecoded(path: str, content: bytes | None, unknown: bool) -> str | None:
    """What a sound file holds that no decoder reads; '' if it is not sound.

    Args:
        path, content: of the file.
        unknown: whether no decoder opened it.

    Returns:
        ``None`` of a TIFF that ends in its header.
    """
    try:
        with opened_file(path, content) as file:
            head = file.read(HEAD)
            if not unknown and not head.startswith(START):
                return ''
            if unknown and is_tiff(head):
                with suppress(KeyError, struct.error):
                    list(tiff_directories(file))
            return undecoded(file)
    except EOFError:
        return None
    except OSError:
        return ''


def _is_shortened(path: str, content: bytes | None) -> bool | None:
    """Whether a WebP file lacks bytes; None of any file without bytes.

    Pillow's decoder of WebP does not say why it gave up.
    """
    try:
        if content is not None:
            size, head = len(content), content[:12]
        else:
            size = os.path.getsize(path)
            with open(path, 'rb', opener=regular_file) as file:
                head = file.read(12)
    except (OSError, ValueError):
        return False
    if not size:
        return None
    if head[:4] != b'RIFF' or len(head) < 12:
        return False
    return size < struct.unpack('<I', head[4:8])[0] + 8
