"""Reader of image files: opens and decodes them, and diagnoses corrupt ones.

The only one: the loader of a training run and the tools that check a folder
beforehand both use it, so that their results agree. ``fileio.image_formats``
lists formats and optional packages, ``image_headers`` recognises the kind of a
file, ``image_decoding`` accepts and converts it, ``image_diagnosis`` names the
cause of a failure.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import BinaryIO

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageContent, ImageDecoding
from mixmae.datasets.images.image_diagnosis import (
    diagnosed,
    jpeg_content,
    opened_file,
)
from mixmae.datasets.images.image_headers import declared_kind
from mixmae.datasets.images.image_kind import (
    ANY_SIZE,
    ImageKind,
    ImageLimits,
)
from mixmae.datasets.images.jpeg_decoder import decode_jpeg, fast_path_header
from mixmae.fileio.image_formats import image_formats

# Formats that may hold several frames.
ANIMATED = ('GIF', 'PNG', 'WEBP', 'AVIF', 'MPO')
JPEG = ImageKind.of_mode('JPEG', 'RGB')
SampleReader = Callable[[str, BinaryIO, ImageKind, ImageLimits], ndarray]
# All settings at their defaults.
PLAIN = ImageDecoding()


@contextmanager
def opened_image(
    path: str | PathLike,
    limits: ImageLimits = ANY_SIZE,
    content: bytes | None = None,
) -> Iterator[Image.Image]:
    """Open the decoded first frame of a file, as stored.

    Sizes are compared with the limits before decoding.

    Args:
        path: Path of the file; its suffix is ignored.
        limits: Allowed sizes.
        content: Content of the file; read from ``path`` if None.

    Raises:
        CorruptImageError: The file cannot be read, or the code in the
            ``with`` block fails on it.
    """
    path = os.fspath(path)
    with (
        diagnosed(path, content),
        opened_file(path, content) as file,
        _pillow_image(path, file, limits) as image,
    ):
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
    """Read an image file for training; see ``LoadImage``.

    Args:
        path, limits, content: As in ``opened_image``.
        draft_side: See ``LoadImage``.
        decoding: Settings of the conversion to channels.
        order: Order of three channels, 'RGB' or 'BGR'.

    Raises:
        CorruptImageError: The file cannot be used; names the cause.
    """
    path = os.fspath(path)
    if decoding.channels != 3:
        order = 'RGB'
    if draft_side is None and decoding.channels in (1, 3):
        data = jpeg_content(path, content)
        if data is not None and fast_path_header(path, data, limits):
            pixels = decode_jpeg(data, order)
            if pixels is not None:
                return ImageContent(decoding.of_pixels(pixels, order), JPEG)
            content = data
    with diagnosed(path, content), opened_file(path, content) as file:
        found = _decoded(path, file, limits, draft_side, decoding)
    if order == 'BGR':
        pixels = np.ascontiguousarray(found.pixels[..., ::-1])
        return found._replace(pixels=pixels)
    return found


def _decoded(
    path: str,
    file: BinaryIO,
    limits: ImageLimits,
    draft_side: int | None,
    decoding: ImageDecoding,
) -> ImageContent:
    kind = declared_kind(file)
    if kind is not None:
        decoding.check(path, kind)
        read = sample_reader(kind, decoding)
        if read is not None:
            samples = read(path, file, kind, limits)
            found = decoding.of_samples(path, samples, kind)
            return found._replace(transparent=bool(kind.alpha))
    with _pillow_image(path, file, limits) as image:
        if kind is None:
            kind = ImageKind.of_mode(str(image.format), image.mode)
            if kind.format in ('TIFF', 'JPEG2000'):
                # Bands and sample type are unknown.
                detail = 'its header is inconsistent'
                raise CorruptImageError(path, 'damaged', detail)
            decoding.check(path, kind)
        if draft_side is not None:
            image.draft('RGB', (draft_side, draft_side))
        image.load()
        clear = bool(kind.alpha) or 'transparency' in image.info
        animated = kind.format in ANIMATED and getattr(
            image, 'is_animated', False
        )
        found = decoding.of_image(path, image, kind, file)
        return found._replace(animated=animated, transparent=clear)


def sample_reader(
    kind: ImageKind, decoding: ImageDecoding
) -> SampleReader | None:
    """Return the reader of a kind of image; None for those of Pillow.

    A reader takes the path, the open file, the kind and the limits, and
    returns samples (H, W, bands), upright, as stored. Modules of rare formats
    are imported with their first file.
    """
    if kind.format == 'NumPy':
        from mixmae.datasets.images.npy_samples import npy_samples

        return npy_samples
    if kind.format == 'DICOM':
        from mixmae.datasets.images.dicom_samples import dicom_samples

        return dicom_samples
    if kind.format == 'TIFF' and (kind.decoder or decoding.takes_bands(kind)):
        from mixmae.datasets.images.tiff_samples import tiff_samples

        return tiff_samples
    return None


def image_header(
    path: str | PathLike, content: bytes | None = None
) -> tuple[ImageKind, tuple[int, int]]:
    """Return kind, and width and height as stored, without decoding.

    Raises:
        CorruptImageError: The file is not an image, or damaged.
    """
    path = os.fspath(path)
    with diagnosed(path, content), opened_file(path, content) as file:
        kind = declared_kind(file)
        if kind is not None and kind.size is not None:
            return kind, kind.size
        unlimited = ImageLimits(max_pixels=sys.maxsize)
        with _pillow_image(path, file, unlimited) as image:
            if kind is None:
                kind = ImageKind.of_mode(str(image.format), image.mode)
            return kind, image.size


@contextmanager
def _pillow_image(
    path: str, file: BinaryIO, limits: ImageLimits
) -> Iterator[Image.Image]:
    """Open an image of an allowed size, not decoded yet."""
    file.seek(0)
    with (
        _pixel_limit(limits),
        Image.open(file, formats=image_formats()) as image,
    ):
        limits.check(path, *image.size)
        yield image


@contextmanager
def _pixel_limit(limits: ImageLimits) -> Iterator[None]:
    """Raise Pillow's limit, which exists only as a global variable."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is None or limits.most_pixels <= 2 * limit:
        yield
        return
    try:
        Image.MAX_IMAGE_PIXELS = limits.max_pixels
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
