"""Steps that ``ImageDecoding`` combines: turn upright, scale, composite."""

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

import cv2
import numpy as np
from numpy import ndarray
from PIL import Image, ImageOps
from PIL.ExifTags import Base as ExifTag

from mixmae.datasets.corrupt.corrupt_image_error import unsupported
from mixmae.datasets.images.image_kind import ImageKind

# Sample size that does not imply a value range: files of 10, 12 or 14 bits
# are stored in samples of this size.
CONTAINER_BITS = 16
# Of an unknown value range.
REMEDY = (
    'set LoadImage(value_range=(LOW, HIGH)) in the config, or --value-range '
    'LOW HIGH of pretrain, finetune, pack or check-data'
)


def eight_bit_rgb(
    image: Image.Image, background: tuple[int, ...], dropped: bool
) -> ndarray:
    """Convert an image with samples of 8 bits or fewer, or CMYK, to RGB."""
    if image.mode == 'RGB' and 'transparency' not in image.info:
        return np.asarray(image)
    if image.mode == 'La':
        image = image.convert('LA')
    clear = image.mode.endswith(('A', 'a')) or 'transparency' in image.info
    if dropped:
        image.info.pop('transparency', None)
        if image.mode == 'PA':
            image = image.convert('RGBA')
    elif clear:
        image = image.convert('RGBA')
        below = Image.new('RGBA', image.size, (*background, 255))
        image = Image.alpha_composite(below, image)
    return np.asarray(image.convert('RGB'))


def wide_samples(
    path: str,
    image: Image.Image,
    kind: ImageKind,
    orientation: int,
    file: BinaryIO,
) -> tuple[ndarray, ndarray | None]:
    """Return samples as stored in the file, and transparency.

    Returns:
        (H, W) grey or (H, W, 3) RGB, and (H, W) of the same type, if any.
    """
    if kind.bands == 1 and kind.format != 'PPM':
        values = np.asarray(image)
        if kind.format == 'JPEG2000':
            # Pillow shifts samples to 16 bits.
            values = values >> (16 - kind.bits)
        elif kind.number == 'int' and kind.bits == 8:
            # Pillow has no signed 8-bit integers.
            values = values.view(np.int8)
        elif kind.number == 'uint' and kind.bits == 32:
            # Nor unsigned 32-bit integers.
            values = values.view(np.uint32)
        clear = image.info.get('transparency')
        if clear is None:
            return values, None
        most = np.iinfo(values.dtype).max
        return values, np.where(values != clear, most, 0).astype(values.dtype)
    # Pillow keeps only the upper 8 bits of colours. OpenCV turns a TIFF
    # upright, and leaves a PNG as it is.
    file.seek(0)
    encoded = np.frombuffer(file.read(), np.uint8)
    found = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if found is not None and kind.format == 'PNG':
        found = turned(found, orientation)
    if found is None or found.shape[:2] != image.size[::-1]:
        raise unsupported(
            path, f'{kind}, which OpenCV does not decode', 'convert it'
        )
    if found.ndim == 2:
        return found, None
    opacity = found[..., 3] if found.shape[2] == 4 else None
    return found[..., 2::-1], opacity


def scaled(
    samples: ndarray, low: float, high: float, dtype: type | None = None
) -> ndarray:
    """Scale sample values from low..high to 0..255, clipped.

    Args:
        samples: Array of any shape and type.
        low, high: Values that become 0 and 255.
        dtype: Float type of the result; None rounds to uint8.
    """
    table = samples.dtype.kind == 'u' and samples.dtype.itemsize <= 2
    values = np.arange(65536) if table else samples.astype(np.float64)
    scaled = (np.clip(values, low, high) - low) * 255 / (high - low)
    # NaN stays NaN in these operations; it becomes black.
    if dtype is None:
        scaled, dtype = np.round(scaled), np.uint8
    result = np.nan_to_num(scaled).astype(dtype)
    return result[samples] if table else result


def without_no_data(
    samples: ndarray, value: float | None
) -> tuple[ndarray, ndarray | bool]:
    """Replace samples of a declared value by NaN; return also where it is."""
    if value is None:
        return samples, False
    one = np.array(value)
    if samples.dtype.kind == 'f':
        # GDAL's text may be rounded otherwise, or the lowest of float64.
        limits = np.finfo(samples.dtype)
        one = one.clip(limits.min, limits.max).astype(samples.dtype)
    empty = samples == one
    if not empty.any():
        return samples, False
    return np.where(empty, np.nan, samples), empty


def as_grey(pixels: ndarray, order: str = 'RGB') -> ndarray:
    """Luma (H, W) of pixels (H, W, 3), by the weights of ITU-R 601."""
    if order == 'BGR':
        pixels = pixels[..., ::-1]
    if pixels.dtype == np.uint8:
        rgb = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(rgb.convert('L'))
    return pixels @ np.array([0.299, 0.587, 0.114], pixels.dtype)


def composite(
    pixels: ndarray,
    alpha: ndarray,
    kind: str,
    background: tuple[int, ...],
) -> ndarray:
    """Composite (H, W, 3) over a colour.

    uint8 stays uint8, rounded; float32 stays float32.

    Args:
        pixels: Pixels, 0 to 255.
        alpha: Opacity (H, W), as stored: floats from 0 to 1, or integers from
            0 to the largest of their type.
        kind: See ``ImageKind.alpha``.
        background: RGB colour.
    """
    most = 1 if alpha.dtype.kind == 'f' else np.iinfo(alpha.dtype).max
    alpha = alpha[..., None].astype(float) / most
    above = pixels if kind == 'premultiplied' else pixels * alpha
    mixed = (above + np.array(background) * (1 - alpha)).clip(0, 255)
    if pixels.dtype == np.uint8:
        mixed = np.round(mixed)
    return mixed.astype(pixels.dtype)


def turn_upright(image: Image.Image) -> int:
    """Apply the EXIF orientation in place; return it."""
    # Unreadable EXIF data does not affect the pixels.
    with suppress(Exception):
        orientation = image.getexif().get(ExifTag.Orientation, 1)
        # In place: otherwise even upright images are copied.
        ImageOps.exif_transpose(image, in_place=True)
        return orientation
    return 1


def turned(values: ndarray, orientation: int) -> ndarray:
    """Turn samples (H, W, ...) upright, from an EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def checked_range(value: Sequence[float]) -> tuple[float, float]:
    """Return a value range as two numbers.

    Raises:
        ValueError: It is not two finite numbers, the lower one first.
    """
    numbers = tuple(value) if isinstance(value, Sequence) else ()
    if (
        len(numbers) != 2
        or not all(isinstance(one, (int, float)) for one in numbers)
        or not all(map(math.isfinite, numbers))
        or not numbers[0] < numbers[1]
    ):
        raise ValueError(
            f'value_range must be (low, high), the sample values of black '
            f'and white, low below high, got {value!r}; only tools/train.py '
            f"and mixmae replace 'auto'"
        )
    return numbers[0], numbers[1]


def warn_of_container(kind: ImageKind, most: float) -> None:
    """Warn that the full range of 16-bit samples is taken for granted.

    Other sizes of samples, such as 10 or 12 bits of a header, need no warning.

    Args:
        kind: Kind of the image.
        most: Its largest sample value; NaN = it has no data.
    """
    if kind.bits != CONTAINER_BITS or math.isnan(most):
        return
    used = int(most).bit_length()
    # The text names no file, so that Python shows it once per process.
    warnings.warn(
        f'{kind.format} images of 16 bits per sample are scaled from '
        f'0..65535 to 0..255, and values of {used} bits '
        f'(0..{2**used - 1}) were observed; if white is another value, '
        f'{REMEDY}, otherwise confirm with (0, 65535)',
        stacklevel=2,
    )


def warn_of_clipping(low: float, high: float) -> None:
    """Warn that sample values outside a value range are clipped."""
    warnings.warn(
        f'sample values outside value_range=({low:g}, {high:g}) '
        f'are clipped; mixmae check-data counts them',
        stacklevel=2,
    )


def warn_of_alpha(
    kind: ImageKind, extra_band: str | None, background: tuple[int, ...]
) -> None:
    """Warn that a band may be read as transparency by mistake.

    A given ``extra_band`` of ``ImageDecoding`` confirms its meaning.
    """
    if not kind.doubtful_alpha or extra_band is not None:
        return
    warnings.warn(
        f'{kind}: the last band is treated as transparency and '
        f'composited over {background}, but some programs mark any '
        'additional band like this; confirm with LoadImage(extra_band='
        "'alpha') or --extra-band alpha, ignore the band with 'drop', or "
        f'read all bands with in_channels={kind.bands}',
        stacklevel=2,
    )
