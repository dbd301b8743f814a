"""Makes images smaller before they are packed."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_diagnosis import SHORTAGES
from mixmae.datasets.images.image_file import FORMATS, PLAIN, read_image
from mixmae.fileio.regular_file import regular_file

# More would only store the noise of the first compression.
QUALITY = 92
# Of a JPEG, in pixels, by libjpeg (JPEG_MAX_DIMENSION).
MAX_SIDE = 65500


class ShrunkImage(NamedTuple):
    """An encoded image, or why there is none.

    Attributes:
        data: the whole file; b'' if it cannot be used.
        shrunk: whether it was made smaller, else it is what the file holds.
        cause: one of ``CAUSES`` if it cannot be used, else ''.
        detail: what more is known of the cause.
        kind: see ``CorruptImageError``.
    """

    data: bytes
    shrunk: bool = False
    cause: str = ''
    detail: str = ''
    kind: str = ''


def shrink(
    path: str,
    short_side: int | None,
    quality: int = QUALITY,
    decoding: ImageDecoding = PLAIN,
) -> ShrunkImage:
    """An image file as it goes into a shard.

    One whose short side is longer than asked for is decoded as a training run
    does (upright, 8-bit RGB), reduced by Pillow's Lanczos
    filter, which is antialiased, and written as a JPEG with colours at half
    the resolution (4:2:0), without EXIF data. Every other one keeps its
    bytes, and is not decoded; so does one whose long side would still be too
    long for a JPEG (65,500 pixels).

    Args:
        path: the file.
        short_side: in pixels; None for no limit.
        quality: of the JPEG, 1 to 95.
        decoding: That of the training.
    """
    try:
        with open(path, 'rb', opener=regular_file) as file:
            data = file.read()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
        return ShrunkImage(b'', cause='missing' if gone else 'unreadable')
    if not data:
        return ShrunkImage(b'', cause='empty')
    if short_side is None or _short_side(data) <= short_side:
        return ShrunkImage(data)
    try:
        pixels = read_image(path, decoding=decoding, content=data).pixels
    except CorruptImageError as error:
        return ShrunkImage(b'', False, error.cause, error.detail, error.kind)
    height, width = pixels.shape[:2]
    if min(height, width) <= short_side:
        return ShrunkImage(data)
    scale = short_side / min(height, width)
    size = tuple(max(1, round(side * scale)) for side in (width, height))
    if max(size) > MAX_SIDE:
        return ShrunkImage(data)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    smaller = image.resize(size, Image.Resampling.LANCZOS)
    output = io.BytesIO()
    smaller.save(output, 'JPEG', quality=quality, subsampling='4:2:0')
    return ShrunkImage(output.getvalue(), shrunk=True)


def _short_side(data: bytes) -> float:
    """In pixels; infinite if no decoder says, so that one has to."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return min(image.size)
    # Decoders raise whatever they like on broken data.
    except Exception:
        return float('inf')
