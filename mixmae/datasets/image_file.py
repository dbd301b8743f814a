"""Reads an image file, or says what ails it: the one place that does.

The loader of a training run and the tools that look at a folder beforehand
both come here, so that they agree.
"""

import errno
import functools
import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray
from PIL import Image, ImageOps, UnidentifiedImageError

from mixmae.datasets.broken_image_error import BrokenImageError
from mixmae.datasets.jpeg_decoder import decode_jpeg
from mixmae.datasets.jpeg_header import START, JpegHeader, read_jpeg_header
from mixmae.fileio.regular_file import regular_file

# The most common first: they are asked in this order. What else Pillow knows
# is left out on purpose: rare decoders are where its security holes were, and
# that of EPS calls an interpreter of PostScript.
FORMATS = (
    'JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'DIB', 'JPEG2000', 'PPM',
    'AVIF',
)  # fmt: skip
WHITE = (255, 255, 255)
# A lack of the machine, not a fault of the file.
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@dataclass(frozen=True)
class ImageLimits:
    """Which sizes an image may have.

    Attributes:
        min_side: of the shorter side, in pixels.
        max_pixels: of the whole picture; None for Pillow's own limit, 179
            million (twice ``PIL.Image.MAX_IMAGE_PIXELS``), which holds in
            any case.

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

    def check(self, path: str, width: int, height: int) -> None:
        """Raises ``BrokenImageError`` if the size, in pixels, is not one."""
        size = f'{width} x {height} px'
        if min(width, height) < self.min_side:
            detail = f'{size}, a side must have {self.min_side}'
            raise BrokenImageError(path, 'too small', detail)
        if self.max_pixels is not None and width * height > self.max_pixels:
            detail = f'{size}, more than {self.max_pixels:,} pixels'
            raise BrokenImageError(path, 'too large', detail)


# What Pillow allows.
ANY_SIZE = ImageLimits()


class ImageContent(NamedTuple):
    """What is in an image file.

    Attributes:
        pixels: uint8 RGB (H, W, 3), upright.
        format: Pillow's name for it, e.g. 'JPEG'.
    """

    pixels: ndarray
    format: str


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
        BrokenImageError: it cannot be read, or what is done with it fails.
    """
    path = os.fspath(path)
    with (
        _diagnosed(path, content),
        _opened(path, content) as file,
        Image.open(file, formats=_formats()) as image,
    ):
        limits.check(path, *image.size)
        if draft_side is not None:
            image.draft('RGB', (draft_side, draft_side))
        image.load()
        yield image


def read_image(
    path: str | PathLike,
    limits: ImageLimits = ANY_SIZE,
    draft_side: int | None = None,
    background: tuple[int, ...] = WHITE,
    content: bytes | None = None,
    order: str = 'RGB',
) -> ImageContent:
    """Everything that is needed to train on a file; see ``LoadImage``.

    Args:
        path, limits, draft_side, content: as ``opened_image`` says.
        background: RGB colour under transparent pixels.
        order: of the channels, 'RGB' or 'BGR'.

    Raises:
        BrokenImageError: it cannot be used; names the cause.
    """
    path = os.fspath(path)
    if draft_side is None:
        data = jpeg_content(path, content)
        header = None if data is None else usual_header(path, data, limits)
        if data is not None and header is not None:
            pixels = decode_jpeg(data, order)
            if pixels is not None:
                return ImageContent(pixels, 'JPEG')
            content = data
    with opened_image(path, limits, draft_side, content) as image:
        pixels = _to_rgb(_upright(image), background)
        if order == 'BGR':
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        return ImageContent(pixels, str(image.format))


def jpeg_content(path: str, content: bytes | None = None) -> bytes | None:
    """What is in a file if that begins as a JPEG does, else None.

    Args:
        path: the file.
        content: what is in it, if it is not to be read from ``path``.

    Raises:
        BrokenImageError: it cannot be read.
    """
    if content is not None:
        return content if content[: len(START)] == START else None
    with (
        _diagnosed(path),
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
        BrokenImageError: its size is not one of those allowed.
    """
    header = read_jpeg_header(data)
    if header is None:
        return None
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and header.height * header.width > 2 * most:
        # Pillow has its own words for this.
        return None
    limits.check(path, header.width, header.height)
    return header


def _opened(path: str, content: bytes | None) -> BinaryIO:
    if content is not None:
        return io.BytesIO(content)
    return open(path, 'rb', opener=regular_file)


@contextmanager
def _diagnosed(path: str, content: bytes | None = None) -> Iterator[None]:
    """Turns errors about a file into ``BrokenImageError``."""
    try:
        yield
    except (MemoryError, BrokenImageError):
        # The former is a matter of the machine, not of the file.
        raise
    except Exception as error:
        # Decoders raise whatever they like on broken data.
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            raise
        cause = _diagnosis(path, content, error)
        raise BrokenImageError(path, *cause) from error


@functools.cache
def _formats() -> tuple[str, ...]:
    # Pillow can be built without some of them.
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _diagnosis(
    path: str, content: bytes | None, error: Exception
) -> tuple[str, str]:
    """The cause, one of ``CAUSES``, and a detail."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return 'missing', ''
    if isinstance(error, OSError) and error.errno is not None:
        return 'unreadable', error.strerror or os.strerror(error.errno)
    if isinstance(error, Image.DecompressionBombError):
        return 'too large', str(error)
    shortened = _is_shortened(path, content)
    if shortened is None:
        return 'empty', ''
    if isinstance(error, UnidentifiedImageError):
        # Its own text is the path again.
        return 'no image', 'none of the formats that are read'
    text = f'{type(error).__name__}: {error}'
    cut_off = isinstance(error, EOFError) or 'truncated' in text.lower()
    return 'truncated' if cut_off or shortened else 'damaged', text


def _is_shortened(path: str, content: bytes | None) -> bool | None:
    """Whether a WebP file lacks bytes; None of any file without bytes.

    Pillow's decoder of WebP does not say why it gave up.
    """
    try:
        if content is not None:
            size, head = len(content), content[:12]
        else:
            size = os.path.getsize(path)
            with open(path, 'rb') as file:
                head = file.read(12)
    except (OSError, ValueError):
        return False
    if not size:
        return None
    if head[:4] != b'RIFF' or len(head) < 12:
        return False
    return size < struct.unpack('<I', head[4:8])[0] + 8


def _upright(image: Image.Image) -> Image.Image:
    # Unreadable EXIF data says nothing about the pixels.
    with suppress(Exception):
        # In place, because a copy is made otherwise even of upright ones.
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_rgb(image: Image.Image, background: tuple[int, ...]) -> ndarray:
    if image.mode == 'RGB' and 'transparency' not in image.info:
        return np.asarray(image)
    if image.mode.startswith(('I', 'F')):
        grey = _to_eight_bits(np.asarray(image))
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode.endswith(('A', 'a')) or 'transparency' in image.info:
        image = image.convert('RGBA')
        below = Image.new('RGBA', image.size, (*background, 255))
        image = Image.alpha_composite(below, image)
    return np.asarray(image.convert('RGB'))


def _to_eight_bits(values: ndarray) -> ndarray:
    """Grey values of any range, (H, W), as uint8; see ``LoadImage``."""
    wide = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    if np.issubdtype(values.dtype, np.integer):
        full = 65535.0
    else:
        full = 1.0 if high <= 1.0 else 255.0
    if low < 0.0 or high > full:
        wide, full = wide - low, max(high - low, 1e-12)
    return np.round(wide * (255.0 / full)).astype(np.uint8)
