"""Conversion of a decoded image to 8-bit RGB."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.corrupt.data_error import unsupported
from mixmae.datasets.images.image_kind import UNSPECIFIED, ImageKind
from mixmae.datasets.images.rgb_conversion import (
    composite,
    eight_bit_rgb,
    scaled,
    turn_upright,
    wide_samples,
)

WHITE = (255, 255, 255)
EXTRA_BANDS = (None, 'alpha', 'drop')
# Sample size that does not imply a value range: files of 10, 12 or 14 bits
# are stored in samples of this size.
CONTAINER_BITS = 16


class RgbPixels(NamedTuple):
    """An image as 8-bit RGB.

    Attributes:
        pixels: uint8 (H, W, 3).
        values: Smallest and largest sample value of an image whose samples
            are not unsigned 8-bit integers; ``None`` for other images.
        clipped: Fraction of its samples outside the value range, 0 to 1.
    """

    pixels: ndarray
    values: tuple[float, float] | None = None
    clipped: float = 0.0


@dataclass(frozen=True)
class ImageDecoding:
    """Settings of the conversion of an image file to 8-bit RGB.

    Training, tests, feature extraction, verification and packing all use
    them. The conversion of an image depends on these settings and on the type
    declared by its file, never on pixels.

    Attributes:
        background: RGB colour below transparent pixels.
        extra_band: Use of a band beside the colours. ``None`` reads it as
            transparency where the file declares that (with a warning for
            unassociated alpha in TIFF, which GDAL declares for the fourth of
            any four bands), and rejects it otherwise. 'alpha' also reads a
            single undeclared band as transparency. 'drop' ignores all bands
            beside the colours, including declared transparency.
        value_range: Sample values mapped to 0 and 255, for samples that are
            signed, floats, or wider than 8 bits. Values between are scaled
            linearly, values outside are clipped; NaN becomes 0. ``None``
            takes the range declared by the file, 0 to 65535 for 16-bit
            integers, with a warning, and rejects signed integers, floats and
            integers of more than 16 bits. 8-bit samples are never scaled.

    Raises:
        ValueError: A setting is out of range.
    """

    background: tuple[int, ...] = WHITE
    extra_band: str | None = None
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        colour = tuple(self.background)
        if len(colour) != 3 or not all(0 <= v <= 255 for v in colour):
            raise ValueError(
                f'background must be three values from 0 to 255, got '
                f'{self.background}'
            )
        object.__setattr__(self, 'background', tuple(map(int, colour)))
        if self.extra_band not in EXTRA_BANDS:
            raise ValueError(
                f"extra_band must be None, 'alpha' or 'drop', got "
                f'{self.extra_band!r}'
            )
        if self.value_range is not None:
            checked = _checked_range(self.value_range)
            object.__setattr__(self, 'value_range', checked)

    def check(self, path: str, kind: ImageKind) -> None:
        """Reject a kind of image that cannot be decoded faithfully.

        Raises:
            CorruptImageError: The kind is 'unsupported'; the message says what
                the file is and how to convert it.
        """
        if kind.obstacle:
            raise unsupported(path, str(kind), 'convert it to 8-bit RGB')
        if kind.extra and self.extra_band != 'drop':
            alpha = kind.extra == 1 and kind.extra_mark != UNSPECIFIED
            if self.extra_band == 'alpha' and alpha:
                return
            choice = (
                "LoadImage(extra_band='drop') or --extra-band drop reads only "
                'the colors'
            )
            if alpha:
                choice += ", 'alpha' treats the other band as transparency"
            raise unsupported(path, str(kind), f'{choice}; or convert it')
        colours = kind.format == 'JPEG2000' and kind.bands > 1
        if self.value_range is not None and kind.wide and colours:
            raise unsupported(
                path,
                str(kind),
                'value_range supports colors with more than 8 bits in PNG, '
                'TIFF and PPM only; convert the file',
            )

    def to_rgb(
        self,
        path: str,
        image: Image.Image,
        kind: ImageKind,
        read: Callable[[], bytes],
    ) -> RgbPixels:
        """Convert an image.

        Args:
            path: Name of the file, for messages.
            image: The loaded image; it is turned upright in place.
            kind: Kind of the image, already passed to ``check``.
            read: Returns the content of the file.

        Raises:
            CorruptImageError: The value range is unknown.
        """
        dropped = self.extra_band == 'drop'
        if kind.doubtful_alpha and self.extra_band is None:
            warnings.warn(
                f'{kind}: the last band is treated as transparency and '
                f'composited over {self.background}, but some programs mark '
                'any additional band like this; confirm with '
                "LoadImage(extra_band='alpha') or --extra-band alpha, or "
                "ignore the band with 'drop'",
                stacklevel=2,
            )
        orientation = turn_upright(image)
        if not kind.wide or (kind.format == 'JPEG2000' and kind.bands > 1):
            # Pillow reduces JPEG 2000 colours to 8 bits.
            return RgbPixels(eight_bit_rgb(image, self.background, dropped))
        samples, alpha = wide_samples(path, image, kind, orientation, read)
        finite = samples
        if kind.number == 'float':
            finite = samples[np.isfinite(samples)]
        least, most = (
            (finite.min().item(), finite.max().item())
            if finite.size
            else (math.nan, math.nan)
        )
        low, high = self._range(path, kind, least, most)
        clipped = 0.0
        if not (low <= least and most <= high) or finite.size < samples.size:
            inside = (samples >= low) & (samples <= high)
            clipped = 1 - float(inside.mean())
            warnings.warn(
                f'sample values outside value_range=({low:g}, {high:g}) are '
                f'clipped; verify_images.py counts them',
                stacklevel=2,
            )
        pixels = scaled(samples, low, high)
        if kind.inverted:
            pixels = 255 - pixels
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if alpha is not None and not dropped:
            pixels = composite(pixels, alpha, kind.alpha, self.background)
        return RgbPixels(pixels, (least, most), clipped)

    def _range(
        self, path: str, kind: ImageKind, least: float, most: float
    ) -> tuple[float, float]:
        """Return the sample values of black and white."""
        if self.value_range is not None:
            return self.value_range
        if kind.white is None:
            raise unsupported(
                path,
                f'{kind}, values {least:.6g} to {most:.6g}',
                'the file does not declare black and white values; set '
                'LoadImage(value_range=(LOW, HIGH)) or --value-range LOW '
                'HIGH, or convert it to 8 bits',
                str(kind),
            )
        self._warn(kind, most)
        return 0, kind.white

    def _warn(self, kind: ImageKind, most: float) -> None:
        # 10 or 12 bits declared in the header need no warning.
        if kind.bits != CONTAINER_BITS:
            return
        used = int(most).bit_length()
        # The text names no file, so that Python shows it once per process.
        warnings.warn(
            f'{kind.format} images of 16 bits per sample are scaled from '
            f'0..65535 to 0..255, and values of {used} bits '
            f'(0..{2**used - 1}) were observed; if white is another value, '
            'set LoadImage(value_range=(LOW, HIGH)) or --value-range LOW '
            'HIGH, otherwise confirm with (0, 65535)',
            stacklevel=2,
        )


def _checked_range(value: Sequence[float]) -> tuple[float, float]:
    numbers = tuple(value) if isinstance(value, Sequence) else ()
    if (
        len(numbers) != 2
        or not all(isinstance(one, (int, float)) for one in numbers)
        or not all(map(math.isfinite, numbers))
        or not numbers[0] < numbers[1]
    ):
        raise ValueError(
            f'value_range must be (low, high), the sample values of black '
            f'and white, low below high, got {value!r}'
        )
    return numbers[0], numbers[1]
