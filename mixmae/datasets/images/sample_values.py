"""Value range, mean and std, measured on a sample of a data set's images."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageContent, ImageDecoding
from mixmae.datasets.images.image_file import read_image
from mixmae.datasets.images.image_kind import ANY_SIZE, ImageKind, ImageLimits
from mixmae.datasets.images.pixel_conversion import scaled, without_no_data

# Images that are read, evenly spread over a data set, and pixels of each.
IMAGES = 64
PIXELS = 4096
# Percentiles that become black and white.
PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class StoredValues(ImageDecoding):
    """``ImageDecoding`` that keeps sample values as they are stored."""

    def _scaled(
        self,
        path: str,
        samples: ndarray,
        kind: ImageKind,
        alpha: ndarray | None = None,
    ) -> ImageContent:
        if kind.wide:
            samples, _ = without_no_data(samples, kind.no_data)
            samples = samples.astype(np.float64)
        return ImageContent(self.of_pixels(samples), kind)


class ImageValues(NamedTuple):
    """Value range and normalisation constants of a set of images.

    Attributes:
        value_range: See ``ImageDecoding``; None for 8-bit images.
        mean: Mean of each channel, 0 to 255 after scaling; RGB order for
            three channels.
        std: Standard deviation of each channel, likewise.
    """

    value_range: tuple[float, float] | None
    mean: list[float]
    std: list[float]


@dataclass
class ValueSample:
    """Values of some images, as stored.

    Attributes:
        decoding: Conversion to channels; its value range is ignored.
        limits: Allowed sizes.
        wide, plain: Pixels (n, channels) of images of more than 8 bits, and
            of the others.
        least, most: Smallest and largest finite value of the former.
        kinds: Number of images by kind.
        grey: Number of images of one grey channel.
        unread: Number of images by cause that could not be read.
        fault: Why the first of them could not be read.
    """

    decoding: ImageDecoding
    limits: ImageLimits = ANY_SIZE
    wide: list[ndarray] = field(default_factory=list)
    plain: list[ndarray] = field(default_factory=list)
    least: float = float('inf')
    most: float = float('-inf')
    kinds: Counter[str] = field(default_factory=Counter)
    grey: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    fault: str = ''

    def add(self, path: str, content: bytes | None = None) -> None:
        """Read an image and keep some of its pixels."""
        stored = StoredValues(
            self.decoding.background,
            self.decoding.extra_band,
            channels=self.decoding.channels,
        )
        try:
            found = read_image(
                path, self.limits, decoding=stored, content=content
            )
        except CorruptImageError as error:
            self.unread[error.cause] += 1
            self.fault = self.fault or str(error)
            return
        self.kinds[str(found.kind)] += 1
        self.grey += (found.kind.colours, found.kind.bands) == ('grey', 1)
        pixels = found.pixels.reshape(-1, found.pixels.shape[2])
        some = pixels[:: max(1, len(pixels) // PIXELS)]
        if not found.kind.wide:
            self.plain.append(some.astype(np.float32))
            return
        self.wide.append(some)
        finite = pixels[np.isfinite(pixels)]
        if finite.size:
            self.least = min(self.least, float(finite.min()))
            self.most = max(self.most, float(finite.max()))

    def percentiles(self) -> tuple[float, float] | None:
        """Return a value range by percentiles, None without wide samples.

        For integer samples both are whole numbers.

        Raises:
            ValueError: All values are equal.
        """
        if not self.wide:
            return None
        values = np.concatenate([one.ravel() for one in self.wide])
        values = values[np.isfinite(values)]
        if not values.size:
            raise ValueError(
                f'value_range cannot be measured: {len(self.wide)} images '
                f'have no data; give it as (LOW, HIGH)'
            )
        if self.least == self.most:
            raise ValueError(
                f'value_range cannot be measured: all sample values of '
                f'{len(self.wide)} images are {self.least:g}; give it as '
                f'(LOW, HIGH)'
            )
        low, high = np.percentile(values, PERCENTILES).tolist()
        if low == high:
            low, high = self.least, self.most
        if (values == np.round(values)).all():
            return float(np.floor(low)), float(np.ceil(high))
        return low, high

    def values(self, value_range: tuple[float, float] | None) -> ImageValues:
        """Return mean and std under a value range.

        Raises:
            ValueError: No image could be read.
        """
        parts = list(self.plain)
        if value_range is not None:
            parts += [
                scaled(one, *value_range, dtype=np.float32)
                for one in self.wide
            ]
        if not parts:
            causes = ', '.join(f'{n} {one}' for one, n in self.unread.items())
            raise ValueError(
                f'none of the sampled images can be read as in_channels='
                f'{self.decoding.channels} ({causes or "no files"})'
            )
        pixels = np.concatenate(parts).astype(np.float64)
        # A constant channel is left as it is.
        std = np.maximum(pixels.std(0), 1.0)
        mean = pixels.mean(0)
        return ImageValues(
            value_range,
            [round(value, 3) for value in mean.tolist()],
            [round(value, 3) for value in std.tolist()],
        )


def spread(count: int, most: int = IMAGES) -> list[int]:
    """Return indices evenly spread over a data set of ``count`` images."""
    if count <= most:
        return list(range(count))
    return sorted({i * (count - 1) // (most - 1) for i in range(most)})
