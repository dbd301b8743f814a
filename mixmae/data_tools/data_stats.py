"""Statistics of a data set of images: how many, of which kinds and values."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import image_header
from mixmae.datasets.images.image_kind import ANY_SIZE, ImageKind, ImageLimits
from mixmae.datasets.images.sample_values import (
    IMAGES,
    PERCENTILES,
    ValueSample,
)
from mixmae.fileio.shown_text import escape
from mixmae.recipes.image_sources import read_sources


@dataclass
class DataStats:
    """Statistics of a data set.

    Attributes:
        images: Number of files, each real path counted once, and of images in
            shards.
        duplicates: Number of further paths to the same files.
        suffixes: Number of files by suffix.
        left_out: Why other files below the folders are not used, one line
            each.
        sampled: Number of images that were opened.
        corrupt: Number of these that cannot be read, by cause.
        fault: Why the first of these cannot be read.
        sizes: Smallest, median and largest (width, height) of the sample, by
            number of pixels.
        kinds: Number of sampled images by kind: format, bands, bits.
        in_channels: Channels that the figures below are of.
        values: Smallest and largest sample value of images of other than
            unsigned 8 bits, if any.
        value_range: Percentiles of these values, see ``PERCENTILES``.
        mean: Mean of each channel, from 0 to 255, after scaling by
            ``value_range``; RGB of three channels.
        std: Likewise.
    """

    images: int = 0
    duplicates: int = 0
    suffixes: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    sampled: int = 0
    corrupt: dict[str, int] = field(default_factory=dict)
    fault: str = ''
    sizes: list[tuple[int, int]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    in_channels: int = 3
    values: tuple[float, float] | None = None
    value_range: tuple[float, float] | None = None
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the statistics as lines of text."""
        lines = [f'images: {self.images:,} ({_counts(self.suffixes)})']
        lines += self.left_out
        lines.append(f'opened: {self.sampled:,} of them')
        if self.corrupt:
            lines.append(f'  not read: {_counts(self.corrupt)}')
            lines.append(
                f'    first: {self.fault}; mixmae check-data lists all'
            )
        if self.sizes:
            small, middle, large = (f'{w} x {h}' for w, h in self.sizes)
            lines.append(
                f'  sizes: {small} to {large} px, median {middle} (width x '
                f'height)'
            )
        lines += [f'  {n:,} of {kind}' for kind, n in self.kinds.items()]
        lines.append(f'in_channels: {self.in_channels}')
        if self.values is not None:
            least, most = self.values
            lines.append(f'  values: {least:g} to {most:g}')
        if self.value_range is not None:
            low, high = self.value_range
            first, last = PERCENTILES
            lines.append(
                f'  value_range: ({low:g}, {high:g}), percentiles {first:g} '
                f'and {last:g}'
            )
        if self.mean:
            lines.append(f'  mean: {_numbers(self.mean)}')
            lines.append(f'  std: {_numbers(self.std)}')
        return lines


def data_stats(
    data: str | os.PathLike | Sequence[str | os.PathLike],
    in_channels: int | None = None,
    value_range: tuple[float, float] | None = None,
    most: int = IMAGES,
    limits: ImageLimits = ANY_SIZE,
) -> DataStats:
    """Measure a data set of images.

    Args:
        data: See ``read_sources``.
        in_channels: Channels of the network; None = all bands of the most
            frequent kind of file: 1 for grey, 3 for colours.
        value_range: Sample values of black and white for mean and std; None =
            percentiles of the sample.
        most: Number of images to open, evenly spread over the data.
        limits: Allowed sizes.

    Raises:
        ValueError: A path does not exist, there is no image, or none can be
            read.
    """
    sources = read_sources(data, fewest=1)
    stats = DataStats(sources.count, sources.duplicates)
    stats.left_out = [*map(escape, sources.notes)]
    counts = Counter(Path(path).suffix.lower() for path in sources.files)
    stats.suffixes = dict(counts.most_common())
    if sources.shards:
        stats.suffixes['in shards'] = sum(sources.shards.values())
    kinds: Counter[ImageKind] = Counter()
    sizes: list[tuple[int, int]] = []
    for path, content in sources.sample(most):
        stats.sampled += 1
        # The causes are counted below.
        try:
            kind, size = image_header(path, content)
        except CorruptImageError:
            continue
        kinds[kind] += 1
        sizes.append(size)
    if sizes:
        sizes.sort(key=lambda size: size[0] * size[1])
        stats.sizes = [sizes[0], median_low(sizes), sizes[-1]]
    stats.kinds = {str(kind): n for kind, n in kinds.most_common()}
    stats.in_channels = in_channels or _channels(kinds)
    sample = ValueSample(ImageDecoding(channels=stats.in_channels), limits)
    for path, content in sources.sample(most):
        sample.add(path, content)
    stats.corrupt = dict(sample.unread)
    stats.fault = sample.fault
    if not (sample.wide or sample.plain):
        raise ValueError(
            f'none of the {stats.sampled:,} opened images can be read: '
            f'{_counts(stats.corrupt)}; {stats.fault}'
        )
    if sample.wide:
        stats.values = sample.least, sample.most
        stats.value_range = value_range or sample.percentiles()
    found = sample.values(stats.value_range)
    stats.mean, stats.std = found.mean, found.std
    return stats


def _channels(kinds: Counter[ImageKind]) -> int:
    """Return the number of channels of the most frequent kind."""
    if not kinds:
        return 3
    kind = kinds.most_common(1)[0][0]
    if kind.pages or kind.extra:
        return kind.pages or kind.bands
    grey = all(kind.colours == 'grey' for kind in kinds)
    return 1 if grey else 3


def _counts(counts: dict[str, int]) -> str:
    return ', '.join(
        f'{n:,} {escape(name) or "without a suffix"}'
        for name, n in counts.items()
    )


def _numbers(values: Sequence[float]) -> str:
    return '[' + ', '.join(f'{value:g}' for value in values) + ']'
