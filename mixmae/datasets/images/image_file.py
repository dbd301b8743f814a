"""Reads an image file, or says what ails it: the one place that does.

The loader of a training run and the tools that look at a folder beforehand
both come here, so that they agree.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_diagnosis import diagnosed, opened_file
from mixmae.datasets.images.image_headers import declared_kind
from mixmae.datasets.images.image_kind import ImageKind
from mixmae.datasets.images.jpeg_decoder import decode_jpeg
from mixmae.datasets.images.jpeg_header import (
    START,
    JpegHeader,
    read_jpeg_header,
)
from mixmae.fileio.regular_file import regular_file

# The most common first: they are asked in this order. What else Pillow knows
# is left out on purpose: rare decoders are where its security holes were, and
# that of EPS calls an interpreter of PostScript.
FORMATS = (
    'JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'DIB', 'JPEG2000', 'PPM',
    'AVIF',
)  # fmt: skip
# Formats that may hold several frames.
ANIMATED = ('GIF', 'PNG', 'WEBP', 'AVIF', 'MPO')
JPEG = ImageKind.of_mode('JPEG', 'RGB')


@dataclass(frozen=True)
class ImageLimits:
    """Which sizes an image may have.

    Attributes:
        min_side: of the shorter side, in pixels.
        max_pixels: of the whole picture; None for Pillow's own limit, 179
            million (twice ``PIL.Image.MAX_IMAGE_PIXELS``), against
            decompression bombs. A larger number allows larger pictures.

    Raises:
        ValueError: one of them is less than 1.
    """

    min_side: int = 1
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        for name in ('min_side', 'max_pixels'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name} must be at least 1, got {value}')

    @property
    def most_pixels(self) -> float:
        """Pixels that a picture may have."""
        if self.max_pixels is not None:
            return self.max_pixels
        limit = Image.MAX_IMAGE_PIXELS
        return float('inf') if limit is None else 2 * limit

    def check(self, path: str, width: int, height: int) -> None:
        """Raises ``CorruptImageError`` if the size, in pixels, is not one."""
        size = f'{width} x {height} px'
        if min(width, height) < self.min_side:
            detail = f'{size}, a side must have {self.min_side}'
            raise CorruptImageError(path, 'too small', detail)
        if width * height > self.most_pixels:
            detail = (
                f'{size}, more than {self.most_pixels:,} pixels; max_pixels '
                f'sets how many are allowed'
            )
            raise CorruptImageError(path, 'too large', detail)


# What Pillow allows.
ANY_SIZE = ImageLimits()


# Of every setting its default.
PLAIN = ImageDecoding()


class ImageContent(NamedTuple):
    """What is in an image file.

    Attributes:
        pixels: uint8 RGB (H, W, 3), upright.
        kind: What the file declares.
        values: Smallest and largest sample value, see ``RgbPixels``.
        clipped: Share of the samples outside the value range, 0 to 1.
        animated: Whether the file holds further frames, which are ignored.
        transparent: Whether the file declares transparency.
    """

    pixels: ndarray
    kind: ImageKind
    values: tuple[float, float] | None = None
    clipped: float = 0.0
    animated: bool = False
    transparent: bool = False

    @property
    def format(self) -> str:
        """Pillow's name of the format, e.g. 'JPEG'."""
        return self.kind.format


@contextmanager
def opened_image(
    path: str | PathLike,
    limits: ImageLimits = ANY_SIZE,
    draft_side: int | None = None,
    content: bytes | None = None,
) -> Iterator[Image.Image]:
    """The decoded first frame of a file, as it is stored.

    Sizes are compared with the limits before anything is decoded.

    Args:
        path: the file; of its suffix nothing is believed.
        limits: sizes that are allowed.
        draft_side: see ``LoadImage``.
        content: what is in the file, if it is not to be read from ``path``.

    Raises:
        CorruptImageError: it cannot be read, or what is done with it fails.
    """
    path = os.fspath(path)
    with (
        diagnosed(path, content),
        opened_file(path, content) as file,
        _pillow_image(path, file, limits) as image,
    ):
        if draft_side is not None:
            image.draft('RGB', (draft_side, draft_side))
        image.load()
        yield image


def read_image(
    path: str | PathLike,
    limits: ImageLimits = ANY_SIZE,
    draft_side: int | None = None,
    decoding: ImageDecoding = PLAIN,
    content: bytes | None = None,
    order: str = 'RGB',
) -> ImageContent:
    """Everything that is needed to train on a file; see ``LoadImage``.

    Args:
        path, limits, draft_side, content: as ``opened_image`` says.
        decoding: How samples become 8-bit RGB.
        order: of the channels, 'RGB' or 'BGR'.

    Raises:
        CorruptImageError: it cannot be used; names the cause.
    """
    path = os.fspath(path)
    if draft_side is None:
        data = jpeg_content(path, content)
        header = None if data is None else usual_header(path, data, limits)
        if data is not None and header is not None:
            pixels = decode_jpeg(data, order)
            if pixels is not None:
                return ImageContent(pixels, JPEG)
            content = data
    with diagnosed(path, content), opened_file(path, content) as file:
        kind = declared_kind(file)
        if kind is not None:
            decoding.check(path, kind)
        with _pillow_image(path, file, limits) as image:
            if kind is None:
                kind = ImageKind.of_mode(str(image.format), image.mode)
                if kind.format in ('TIFF', 'JPEG2000'):
                    # Bands and sample type are not known.
                    detail = 'its header contradicts itself'
                    raise CorruptImageError(path, 'damaged', detail)
                decoding.check(path, kind)
            if draft_side is not None:
                image.draft('RGB', (draft_side, draft_side))
            image.load()
            clear = bool(kind.alpha) or 'transparency' in image.info
            animated = kind.format in ANIMATED and getattr(
                image, 'is_animated', False
            )
            found = decoding.to_rgb(path, image, kind, lambda: _all_of(file))
    pixels = found.pixels
    if order == 'BGR':
        pixels = np.ascontiguousarray(pixels[..., ::-1])
    return ImageContent(
        pixels, kind, found.values, found.clipped, animated, clear
    )


@contextmanager
def _pillow_image(
    path: str, file: BinaryIO, limits: ImageLimits
) -> Iterator[Image.Image]:
    """An image, not decoded yet, of a size that is allowed."""
    file.seek(0)
    with (
        _pixel_limit(limits),
        Image.open(file, formats=image_formats()) as image,
    ):
        limits.check(path, *image.size)
        yield image


@contextmanager
def _pixel_limit(limits: ImageLimits) -> Iterator[None]:
    """Raises Pillow's limit, for which it has a global variable alone."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is None or limits.most_pixels <= 2 * limit:
        yield
        return
    try:
        Image.MAX_IMAGE_PIXELS = limits.max_pixels
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _all_of(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def jpeg_content(path: str, content: bytes | None = None) -> bytes | None:
    """What is in a file if that begins as a JPEG does, else None.

    Args:
        path: the file.
        content: what is in it, if it is not to be read from ``path``.

    Raises:
        CorruptImageError: it cannot be read.
    """
    if content is not None:
        return content if content[: len(START)] == START else None
    with (
        diagnosed(path),
        open(path, 'rb', buffering=0, opener=regular_file) as file,
    ):
        # Of a film that somebody named .png, this is all that is read.
        head = file.read(len(START))
        if head != START:
            return None
        size = os.fstat(file.fileno()).st_size
        data = head + file.read(size)
        # A short read, a file that grows, or one without a size.
        return data if len(data) == size else data + file.readall()


def usual_header(
    path: str, data: bytes, limits: ImageLimits
) -> JpegHeader | None:
    """The header of a JPEG that Pillow need not look at, else None.

    Raises:
        CorruptImageError: its size is not one of those allowed.
    """
    header = read_jpeg_header(data)
    if header is None:
        return None
    limits.check(path, header.width, header.height)
    return header


@functools.cache
def image_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read."""
    # Pillow can be built without some of them.
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
