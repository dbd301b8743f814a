"""Files of a shard: images as they are, reduced, or divided into tiles."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from mixmae.data_tools.packing.pack_settings import PackSettings
from mixmae.data_tools.packing.tiling import tiles_of
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import (
    PLAIN,
    image_header,
    read_image,
)
from mixmae.datasets.images.image_kind import ANY_SIZE, ImageLimits
from mixmae.fileio.image_formats import FORMATS
from mixmae.fileio.safe_path import SHORTAGES, regular_file

# Maximum side of a JPEG in libjpeg, in pixels (JPEG_MAX_DIMENSION).
MAX_SIDE = 65500


class ShrunkImage(NamedTuple):
    """An encoded image, or the reason why there is none.

    Attributes:
        data: Content of the file; b'' if it cannot be used.
        shrunk: Whether it was reduced; otherwise the file is unchanged.
        cause: One of ``CAUSES`` if it cannot be used, else ''.
        detail: Further information about the cause.
        kind: See ``CorruptImageError``.
        place: Of a tile, see ``tiles_of``; '' for a whole image.
        is_large: Whether it has more pixels than a training reads by default.
    """

    data: bytes
    shrunk: bool = False
    cause: str = ''
    detail: str = ''
    kind: str = ''
    place: str = ''
    is_large: bool = False


def shard_files(path: str, settings: PackSettings) -> list[ShrunkImage]:
    """Return an image as stored in a shard: one file, or its tiles.

    Tiles are not reduced.
    """
    reduced = (settings.short_side, settings.quality, settings.decoding)
    if settings.tile is None:
        return [shrink(path, *reduced)]
    whole = shrink(path, None)
    if whole.cause:
        return [whole]
    limits = ImageLimits(max_pixels=settings.max_pixels)
    try:
        tiles = [
            ShrunkImage(data, place=place)
            for place, data in tiles_of(
                path, whole.data, settings.tile, settings.quality, limits
            )
        ]
    except CorruptImageError as error:
        return [ShrunkImage(b'', False, error.cause, error.detail, error.kind)]
    return tiles or [shrink(path, *reduced)]


def shrink(
    path: str,
    short_side: int | None,
    quality: int = PackSettings.quality,
    decoding: ImageDecoding = PLAIN,
) -> ShrunkImage:
    """Return an image file as stored in a shard.

    An image with a longer short side is decoded as in training (upright,
    8-bit RGB), reduced by Pillow's Lanczos filter, which is antialiased, and
    written as a JPEG with chroma at half the resolution (4:2:0), without EXIF
    data. All others keep their bytes and are not decoded, including those
    whose long side would still be too long for a JPEG (65,500 pixels).

    Args:
        path: Path of the file.
        short_side: In pixels; None for no limit.
        quality: JPEG quality, 1 to 95.
        decoding: Conversion to 8-bit RGB, as in training.
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
        return ShrunkImage(data, is_large=_is_large(path, data))
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
    if pixels.dtype != np.uint8:
        pixels = np.round(pixels).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    smaller = image.resize(size, Image.Resampling.LANCZOS)
    output = io.BytesIO()
    smaller.save(output, 'JPEG', quality=quality, subsampling='4:2:0')
    return ShrunkImage(output.getvalue(), shrunk=True)


def _short_side(data: bytes) -> float:
    """Return the short side in pixels; infinite if not in the header."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return min(image.size)
    # Decoders raise arbitrary exceptions on corrupt data.
    except Exception:
        return float('inf')


def _is_large(path: str, data: bytes) -> bool:
    """Return True if an image has more pixels than trainings read."""
    try:
        width, height = image_header(path, data)[1]
    except CorruptImageError:
        return False
    return width * height > ANY_SIZE.most_pixels
