"""Uncompressed TIFF files of any bands, types and tags."""

import struct
import zlib

import numpy as np

NUMBERS = {'u': 1, 'i': 2, 'f': 3}


def tiff(
    pixels,
    photometric,
    extra=None,
    planar=False,
    big=False,
    order='<',
    tags=(),
    pages=1,
    head_last=False,
    compressed=False,
):
    """Return the bytes of a TIFF file.

    Args:
        pixels: (H, W) or (H, W, bands) of any type.
        photometric: its tag.
        extra: values of ExtraSamples; None for no such tag.
        planar: bands are stored one after the other.
        big: BigTIFF.
        order: '<' or '>'.
        tags: further ones, (tag, value) of 16 bits; they replace others.
        pages: the same image so many times.
        compressed: by Deflate.
        head_last: directories follow the pixels, as libtiff writes them.
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, bands = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    stored = np.moveaxis(pixels, 2, 0) if planar else pixels
    data = stored.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if compressed:
        data = zlib.compress(data)
    plane = len(data) // bands
    offset = 'Q' if big else 'L'
    head = 16 if big else 8
    entry, link = (20, 8) if big else (12, 4)
    count = 'Q' if big else 'H'

    def directory(start, data_at, following):
        values = {
            254: (0,), 256: (width,), 257: (height,), 258: (bits,) * bands,
            259: (8 if compressed else 1,), 262: (photometric,),
            273: [data_at + plane * i for i in range(bands)]
            if planar else [data_at],
            277: (bands,), 278: (height,),
            279: [plane] * bands if planar else [len(data)],
            284: (2 if planar else 1,),
            339: (NUMBERS[pixels.dtype.kind],) * bands,
        }  # fmt: skip
        if extra is not None:
            values[338] = tuple(extra)
        values.update({tag: (value,) for tag, value in tags})
        entries, behind = b'', b''
        far = start + struct.calcsize(order + count) + link
        far += entry * len(values)
        for tag, numbers in sorted(values.items()):
            code = offset if tag in (273, 279) else 'H'
            kind = {'H': 3, 'L': 4, 'Q': 16}[code]
            body = struct.pack(f'{order}{len(numbers)}{code}', *numbers)
            if len(body) > link:
                place = struct.pack(order + offset, far + len(behind))
                behind += body
            else:
                place = body.ljust(link, b'\0')
            entries += struct.pack(
                f'{order}HH{offset}', tag, kind, len(numbers)
            )
            entries += place
        head = struct.pack(order + count, len(values))
        tail = struct.pack(order + offset, following)
        return head + entries + tail + behind

    size = len(directory(0, 0, 0))
    first = head + len(data) if head_last else head
    data_at = head if head_last else head + size * pages
    starts = [first + size * i for i in range(pages)]
    directories = b''.join(
        directory(start, data_at, following)
        for start, following in zip(starts, [*starts[1:], 0], strict=True)
    )
    mark = {'<': b'II', '>': b'MM'}[order]
    start = (
        mark + struct.pack(f'{order}HHHQ', 43, 8, 0, first)
        if big
        else mark + struct.pack(f'{order}HL', 42, first)
    )
    body = data + directories if head_last else directories + data
    return start + body
