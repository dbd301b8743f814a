"""Conversion of images of any kind to the channels and values of a network.

``image_file`` opens and decodes; ``pixel_conversion`` has the single steps.
"""

import math
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import unsupported
from mixmae.datasets.images.image_kind import (
    COLOUR_BANDS,
    MOST_BANDS,
    UNSPECIFIED,
    ImageKind,
)
from mixmae.datasets.images.pixel_conversion import (
    CONTAINER_BITS,
    REMEDY,
    as_grey,
    checked_range,
    composite,
    eight_bit_rgb,
    scaled,
    turn_upright,
    warn_of_alpha,
    warn_of_clipping,
    warn_of_container,
    wide_samples,
    without_no_data,
)

WHITE = (255, 255, 255)
EXTRA_BANDS = (None, 'alpha', 'drop')
# Fraction of an image's samples that may be clipped without a warning: a
# measured range leaves out 2 of 1000.
CLIPPED = 0.01


class ImageContent(NamedTuple):
    """Content of an image file, as the channels of the network.

    Attributes:
        pixels: (H, W, channels) of 0 to 255, upright, RGB if there are
            three; uint8, or float32 with a value range.
        kind: Kind declared by the file.
        values: Smallest and largest sample value of an image whose samples
            are not unsigned 8-bit integers; ``None`` for other images.
        clipped: Fraction of its samples outside the value range, 0 to 1.
        animated: Whether the file has further frames, which are ignored.
        transparent: Whether the file declares transparency.
    """

    pixels: ndarray
    kind: ImageKind
    values: tuple[float, float] | None = None
    clipped: float = 0.0
    animated: bool = False
    transparent: bool = False


@dataclass(frozen=True)
class ImageDecoding:
    """Settings of the conversion of an image file to channels.

    Training, tests, feature extraction, verification and packing all use
    them. The conversion of an image depends on these settings and on the type
    declared by its file, never on pixels.

    Attributes:
        background: RGB colour below transparent pixels.
        extra_band: Use of a band in addition to the colours. ``None`` reads it
            as transparency where the file declares that (with a warning for
            unassociated alpha in TIFF, which GDAL declares for the fourth of
            any four bands), and rejects it otherwise. 'alpha' also reads a
            single undeclared band as transparency. 'drop' ignores all bands in
            addition to the colours, including declared transparency.
        value_range: Sample values mapped to 0 and 255, for samples that are
            signed, floats, or wider than 8 bits. Values between are scaled
            linearly to floats, values outside are clipped; NaN becomes 0.
            8-bit samples are never scaled. ``None`` takes the range that the
            file declares, and rounds to 8 bits. For 16-bit integers that is
            0 to 65535, with a warning: images of 12 bits in such files become
            dark. Signed integers, floats and integers of more than 16 bits
            declare none and are rejected.
        channels: Channels of the network. 3 takes RGB, repeated from grey; 1
            takes grey, the luma of RGB. Any other number needs files of
            exactly so many bands, in the order of the file, whatever they
            mean.
        assume_range: Whether ``None`` takes 0 to 65535 for 16-bit integers;
            otherwise they are rejected.

    Raises:
        ValueError: A setting is out of range.
    """

    background: tuple[int, ...] = WHITE
    extra_band: str | None = None
    value_range: tuple[float, float] | None = None
    channels: int = 3
    assume_range: bool = True

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
            checked = checked_range(self.value_range)
            object.__setattr__(self, 'value_range', checked)
        if not isinstance(self.channels, int) or not (
            1 <= self.channels <= MOST_BANDS
        ):
            raise ValueError(
                f'channels must be a whole number from 1 to {MOST_BANDS}, '
                f'got {self.channels!r}'
            )

    def takes_bands(self, kind: ImageKind) -> bool:
        """Return True if all bands of a file are read as the channels."""
        if self.channels == 1:
            return False
        if self.channels == 3:
            return kind.colours == 'grey' and kind.bands == 3
        if kind.pages:
            return kind.pages == self.channels
        return kind.colours in ('grey', 'RGB') and kind.bands == self.channels

    def check(self, path: str, kind: ImageKind) -> None:
        """Reject a kind of image that cannot be decoded faithfully.

        Warns of a band that may be read as transparency by mistake.

        Raises:
            CorruptImageError: The kind is 'unsupported'; says what the file
                is and how to convert it.
        """
        taken = self.takes_bands(kind)
        if kind.obstacle and not (taken and kind.pages):
            raise unsupported(path, str(kind), 'convert it to 8-bit RGB')
        if kind.reduced and (taken or self.value_range is not None):
            raise unsupported(
                path,
                str(kind),
                'value_range supports colours with more than 8 bits in PNG, '
                'TIFF and PPM only; convert the file',
            )
        if taken:
            return
        if self.channels not in (1, 3):
            raise unsupported(
                path,
                f'{kind}, and in_channels is {self.channels}',
                'set in_channels to the number of bands of the files, or '
                'convert this one',
                str(kind),
            )
        if kind.extra and self.extra_band != 'drop':
            alpha = kind.extra == 1 and kind.extra_mark != UNSPECIFIED
            if self.extra_band == 'alpha' and alpha:
                return
            choice = (
                f'in_channels={kind.bands} (--in-channels of pretrain and '
                "finetune) reads all bands, LoadImage(extra_band='drop') in a "
                'config (--extra-band drop of pack and check-data) reads only '
                'the colours'
            )
            if alpha:
                choice += ", 'alpha' treats the other band as transparency"
            raise unsupported(path, str(kind), f'{choice}; or convert it')
        warn_of_alpha(kind, self.extra_band, self.background)

    def of_image(
        self, path: str, image: Image.Image, kind: ImageKind, file: BinaryIO
    ) -> ImageContent:
        """Convert an image that Pillow has opened.

        Args:
            path: Name of the file, for messages.
            image: The loaded image; it is turned upright in place.
            kind: Kind of the image, already passed to ``check``.
            file: The file; its position is changed.

        Raises:
            CorruptImageError: The value range is unknown.
        """
        taken = self.takes_bands(kind)
        orientation = turn_upright(image)
        if not kind.wide or kind.reduced:
            dropped = self.extra_band == 'drop'
            pixels = (
                np.asarray(image)
                if taken
                else eight_bit_rgb(image, self.background, dropped)
            )
            return ImageContent(self.of_pixels(pixels), kind)
        samples, alpha = wide_samples(path, image, kind, orientation, file)
        if taken and alpha is not None:
            # All bands of a PNG, one of grey or three of colour, and the last.
            samples = np.dstack([samples[..., : kind.bands - 1], alpha])
            alpha = None
        return self._scaled(path, samples, kind, alpha)

    def of_samples(
        self, path: str, samples: ndarray, kind: ImageKind
    ) -> ImageContent:
        """Convert all samples of an image, (H, W, bands).

        Args:
            path, samples, kind: See ``sample_reader``.

        Raises:
            CorruptImageError: The value range is unknown.
        """
        if self.takes_bands(kind):
            return self._scaled(path, samples, kind)
        colours = COLOUR_BANDS[kind.colours]
        alpha = samples[..., colours] if kind.bands > colours else None
        return self._scaled(path, samples[..., :colours], kind, alpha)

    def of_pixels(self, pixels: ndarray, order: str = 'RGB') -> ndarray:
        """Convert pixels of 0 to 255 to the channels of the network.

        Args:
            pixels: (H, W) or (H, W, bands), 0 to 255.
            order: Order of three bands, 'RGB' or 'BGR'; it is kept.

        Returns:
            (H, W, channels).
        """
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        bands = pixels.shape[2]
        if self.channels == 3 and bands == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        elif self.channels == 1 and bands == 3:
            pixels = as_grey(pixels, order)[..., None]
        if self.value_range is not None:
            pixels = pixels.astype(np.float32, copy=False)
        return pixels

    def _scaled(
        self,
        path: str,
        samples: ndarray,
        kind: ImageKind,
        alpha: ndarray | None = None,
    ) -> ImageContent:
        """Scale samples (H, W[, bands]) and composite them, if alpha."""
        pixels, values, clipped = samples, None, 0.0
        if kind.wide:
            samples, empty = without_no_data(samples, kind.no_data)
            finite = samples
            if samples.dtype.kind == 'f':
                finite = samples[np.isfinite(samples)]
            least = most = math.nan
            if finite.size:
                least, most = finite.min().item(), finite.max().item()
            values = least, most
            low, high = self._range(path, kind, least, most)
            if finite.size < samples.size or least < low or most > high:
                inside = (samples >= low) & (samples <= high)
                clipped = 1 - float((inside | empty).mean())
            if clipped > CLIPPED:
                warn_of_clipping(low, high)
            exact = self.value_range is not None
            pixels = scaled(samples, low, high, np.float32 if exact else None)
        if kind.inverted:
            pixels = 255 - pixels
        if alpha is not None and self.extra_band != 'drop':
            if pixels.ndim == 2 or pixels.shape[2] == 1:
                pixels = np.repeat(pixels.reshape(*alpha.shape, 1), 3, axis=2)
            pixels = composite(pixels, alpha, kind.alpha, self.background)
        return ImageContent(self.of_pixels(pixels), kind, values, clipped)

    def _range(
        self, path: str, kind: ImageKind, least: float, most: float
    ) -> tuple[float, float]:
        """Return the sample values of black and white."""
        if self.value_range is not None:
            return self.value_range
        declared = self.assume_range or kind.bits != CONTAINER_BITS
        if kind.white is None or not declared:
            raise unsupported(
                path,
                f'{kind}, values {least:.6g} to {most:.6g}',
                f'the file does not declare black and white values; {REMEDY}, '
                'or convert it to 8 bits',
                str(kind),
            )
        warn_of_container(kind, most)
        return 0, kind.white
