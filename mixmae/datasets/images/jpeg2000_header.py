"""Kind of a JPEG 2000 file, read from its header without decoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from mixmae.datasets.images.image_kind import UNMARKED, ImageKind

CODESTREAM = b'\xff\x4f\xff\x51'
# Channel types in the channel definition box (ISO 15444-1, I.5.3.6).
OPACITY = {1: 'straight', 2: 'premultiplied'}


def jpeg2000_kind(file: BinaryIO) -> ImageKind:
    """Return the kind of a JPEG 2000 file, raw codestream or in boxes.

    Raises:
        EOFError: The file ends in its header.
        KeyError, struct.error: The header is damaged.
    """
    file.seek(0)
    opacity: dict[int, str] = {}
    palette = False
    if file.read(4) != CODESTREAM:
        for name, start, end in _boxes(file, 0, None):
            if name == b'jp2h':
                for inner, at, stop in _boxes(file, start, end):
                    palette |= inner == b'pclr'
                    if inner == b'cdef':
                        opacity = _opacity(_read_at(file, at, stop - at))
            elif name == b'jp2c':
                file.seek(start + 4)
                break
    # SIZ: length, capabilities, eight 32-bit sizes; then the components.
    head = _read_at(file, file.tell(), 38)
    bands = struct.unpack('>H', head[36:])[0]
    depths = _read_at(file, file.tell(), 3 * bands)[::3]
    bits, signed = (depths[0] & 127) + 1, bool(depths[0] & 128)
    colour_bands = 1 if bands < 3 else 3
    extra = bands - colour_bands
    alpha = opacity.get(bands - 1, '') if extra == 1 else ''
    obstacle = ''
    if len(set(depths)) > 1:
        obstacle = 'with bands of different types'
    elif signed or (bits > 15 and bands > 1):
        obstacle = 'which are not supported in JPEG 2000'
    return ImageKind(
        'JPEG2000',
        'palette' if palette else 'grey' if colour_bands == 1 else 'RGB',
        bands,
        bits,
        'int' if signed else 'uint',
        alpha,
        0 if alpha else extra,
        UNMARKED,
        None if signed or bits > 16 else 2**bits - 1,
        obstacle=obstacle,
    )


def _opacity(data: bytes) -> dict[int, str]:
    """Return transparency by channel, from a channel definition box."""
    channels = struct.iter_unpack(
        '>HHH', data[2 : 2 + (len(data) - 2) // 6 * 6]
    )
    return {
        channel: OPACITY[type_]
        for channel, type_, _ in channels
        if type_ in OPACITY
    }


def _boxes(
    file: BinaryIO, start: int, end: int | None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of each box."""
    while end is None or start + 8 <= end:
        size, name = struct.unpack('>L4s', _read_at(file, start, 8))
        content = start + 8
        if size == 1:
            size = struct.unpack('>Q', _read_at(file, content, 8))[0]
            content += 8
        # A size of 0 means up to the end of the file.
        stop = start + size if size else 2**63
        if stop < content:
            raise KeyError('size of a box')
        yield name, content, stop
        start = stop


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    if len(data) < size:
        raise EOFError('the file ends in its header')
    return data
