"""Samples of TIFF files that neither Pillow nor OpenCV decodes.

Sizes are compared with the limits, and with the bytes of the file, before
anything is allocated.
"""

import math
import zlib
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np
from numpy import ndarray
from PIL.ExifTags import Base as ExifTag

from mixmae.datasets.corrupt.corrupt_image_error import (
    CorruptImageError,
    unsupported,
)
from mixmae.datasets.images.image_kind import ImageKind, ImageLimits
from mixmae.datasets.images.pixel_conversion import turned

# Compressions by tag: decoded by tifffile itself, or by imagecodecs. Codecs
# of photographs, such as JPEG, are Pillow's or refused.
DEFLATE = (8, 32946)
BUILT_IN = {1: 'none', 8: 'Deflate', 32946: 'Deflate', 32773: 'PackBits'}
CODECS = {**BUILT_IN, 5: 'LZW', 34887: 'LERC', 50000: 'Zstandard'}
FLOAT_PREDICTOR = 3


def tiff_samples(
    path: str, file: BinaryIO, kind: ImageKind, limits: ImageLimits
) -> ndarray:
    """Return the samples of the first image, or of a stack as bands.

    Raises:
        CorruptImageError: The image is too large or damaged, or its
            compression needs a package that is not installed.
    """
    # Takes a tenth of a second.
    from tifffile import TiffFile

    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    with TiffFile(file) as tiff:
        count = max(kind.pages, 1)
        bands = count * kind.bands
        parts = []
        for index in range(count):
            page: Any = tiff.pages[index]
            limits.check(path, page.imagewidth, page.imagelength, bands)
            _check_page(path, page, kind)
            _check_codec(path, page, kind)
            _check_segments(path, file, page, size, limits)
            parts.append(_upright(page))
    if len({part.shape for part in parts}) > 1:
        raise _damaged(path, 'images of its stack differ in size')
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 2)


def _check_page(path: str, page: Any, kind: ImageKind) -> None:
    """Compare what tifffile reads in the header with its kind."""
    declared = (kind.bands, kind.bits)
    if (page.samplesperpixel, page.bitspersample) != declared:
        raise _damaged(path, 'its header is inconsistent')
    if page.imagedepth != 1 or page.dtype is None:
        raise unsupported(path, f'{kind}, a volume', 'convert it')


def _check_codec(path: str, page: Any, kind: ImageKind) -> None:
    """Refuse a compression that cannot be decoded here."""
    name = CODECS.get(int(page.compression))
    if name is None:
        raise unsupported(
            path, f'{kind}, compressed by {page.compression.name}', 'convert'
        )
    packed = page.bitspersample not in (8, 16, 32, 64)
    floats = int(page.predictor) == FLOAT_PREDICTOR
    plain = int(page.compression) in BUILT_IN and not packed and not floats
    if not plain and not has_imagecodecs():
        what = name if not packed else f'{page.bitspersample}-bit samples'
        raise unsupported(
            path,
            f'{kind}, {what}',
            'pip install imagecodecs to read it, or convert it to a TIFF '
            'without compression',
        )


def _check_segments(
    path: str, file: BinaryIO, page: Any, size: int, limits: ImageLimits
) -> None:
    """Compare the strips or tiles with the file and the limits."""
    item = page.dtype.itemsize
    bound = math.prod(page.chunks) * item
    if bound > limits.most_bytes or page.nbytes > limits.most_bytes:
        raise CorruptImageError(
            path, 'too large', f'{max(bound, page.nbytes):,} bytes decoded'
        )
    offsets, counts = page.dataoffsets, page.databytecounts
    ends = [at + count for at, count in zip(offsets, counts, strict=False)]
    if len(offsets) != len(counts) or len(offsets) != math.prod(page.chunked):
        raise _damaged(path, 'its header is inconsistent')
    if max(ends, default=0) > size:
        raise CorruptImageError(path, 'truncated', 'samples are missing')
    if int(page.compression) in DEFLATE and not has_imagecodecs():
        # Without imagecodecs tifffile inflates without a bound.
        for at, count in zip(offsets, counts, strict=True):
            file.seek(at)
            inflate = zlib.decompressobj()
            if len(inflate.decompress(file.read(count), bound + 1)) > bound:
                raise _damaged(path, 'more samples than its header declares')
    if int(page.compression) == 1 and sum(counts) < page.nbytes:
        raise CorruptImageError(path, 'truncated', 'samples are missing')


def _upright(page: Any) -> ndarray:
    """Decode a page to (H, W, bands), upright."""
    samples = page.asarray(maxworkers=1)
    if page.axes.startswith('S'):
        samples = np.moveaxis(samples, 0, -1)
    if samples.ndim == 2:
        samples = samples[..., None]
    tag = page.tags.get(ExifTag.Orientation)
    return turned(samples, 1 if tag is None else int(tag.value))


def has_imagecodecs() -> bool:
    """Return True if imagecodecs is installed."""
    return find_spec('imagecodecs') is not None


def _damaged(path: str, detail: str) -> CorruptImageError:
    return CorruptImageError(path, 'damaged', detail)
