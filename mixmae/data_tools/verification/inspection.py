"""Inspection of image files, in parallel, and notes about their conversion."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from mixmae.data_tools.verification.near_duplicates import difference_hash
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import (
    ANY_SIZE,
    PLAIN,
    ImageLimits,
    read_image,
)
from mixmae.datasets.images.image_kind import NUMBERS, ImageKind
from mixmae.datasets.images.pixel_conversion import CONTAINER_BITS
from mixmae.datasets.images.sample_values import spread
from mixmae.datasets.labels.labelled_sizes import (
    OrientedSize,
    read_oriented_size,
)
from mixmae.fileio.shown_text import escape
from mixmae.fileio.worker_processes import LostWorkerError, parallel_map

# Remedies for causes where another copy of the file would not help.
ADVICE = {
    'unreadable': 'fix its permissions or the disk',
    'too large': 'downscale or exclude it',
    'too small': 'leave it out',
}
DECODE = ('all', 'sample', 'none')
SAMPLE = 1000
Content = TypeVar('Content')


@dataclass(frozen=True)
class Opening:
    """Settings for opening the files of a dataset.

    Attributes:
        decode: Open ``all`` files, a ``sample`` of 1,000 evenly spread over
            each split, or ``none``.
        workers: Number of processes that open files; 0 or 1 for the current
            process only.
        progress: Whether to draw a progress bar on stderr.
        decoding: Conversion of samples to channels, as in the config.

    Raises:
        ValueError: ``decode`` or ``workers`` is out of range.
    """

    decode: str = 'sample'
    workers: int = 0
    progress: bool = False
    decoding: ImageDecoding = PLAIN

    def __post_init__(self) -> None:
        if self.decode not in DECODE:
            raise ValueError(
                f'decode must be one of {", ".join(DECODE)}, '
                f'got {self.decode!r}'
            )
        if self.workers < 0:
            raise ValueError(f'workers must be 0 or more, got {self.workers}')

    def choose(self, count: int) -> list[int]:
        """Return the indices of the files to open, in ascending order."""
        if self.decode == 'none':
            return []
        return spread(count, count if self.decode == 'all' else SAMPLE)


@dataclass(frozen=True)
class Inspection:
    """Content of an image.

    Attributes:
        fault: Why it cannot be used; None if it can.
        cause: One of ``CAUSES`` if it cannot be used, else ''.
        kind: Kind declared by the file; ``None`` if it cannot be used.
        refused: For the cause 'unsupported', the type declared by the file.
        sample_values, clipped, animated, transparent: See ``ImageContent``.
        oriented: Its stored size and EXIF orientation; None if it cannot be
            used.
        image_hash: See ``difference_hash``.
    """

    fault: str | None = None
    cause: str = ''
    kind: ImageKind | None = None
    refused: str = ''
    sample_values: tuple[float, float] | None = None
    clipped: float = 0.0
    animated: bool = False
    transparent: bool = False
    oriented: OrientedSize | None = None
    image_hash: int | None = None

    @property
    def problem(self) -> tuple[str, str]:
        """Return the heading of a fault, and a text with advice."""
        if self.cause == 'unsupported':
            return 'unsupported image', f'{self.fault}'
        advice = ADVICE.get(self.cause, 'extract or download it again')
        return 'broken image', f'{self.fault}; {advice}'


def inspect_image(
    path: str,
    limits: ImageLimits = ANY_SIZE,
    decoding: ImageDecoding = PLAIN,
    content: bytes | None = None,
) -> Inspection:
    """Read an image completely, as the loader of a run does."""
    with warnings.catch_warnings():
        # Invalid EXIF data does not matter here, bombs raise their own errors,
        # and ``ImageNotes`` reports the warnings of a loader.
        warnings.simplefilter('ignore')
        try:
            found = read_image(
                path, limits, decoding=decoding, content=content
            )
        except CorruptImageError as error:
            return faulty(error)
    height, width = found.pixels.shape[:2]
    oriented = read_oriented_size(
        path if content is None else BytesIO(content)
    )
    return Inspection(
        kind=found.kind,
        sample_values=found.values,
        clipped=found.clipped,
        animated=found.animated,
        transparent=found.transparent,
        oriented=oriented or OrientedSize(width, height),
        image_hash=difference_hash(found.pixels),
    )


def faulty(error: CorruptImageError) -> Inspection:
    """Return the inspection of a file that cannot be used."""
    return Inspection(error.reason, error.cause, refused=error.kind)


def inspect_chosen(
    inspect: Callable[[str], Content],
    paths: Sequence[Path],
    opening: Opening,
    title: str,
) -> Iterator[tuple[int, Content]]:
    """Yield index in ``paths`` and content of the selected files."""
    chosen = opening.choose(len(paths))
    names = [str(paths[index]) for index in chosen]
    # None: only on a terminal, so that logs stay readable.
    hidden = None if opening.progress else True
    bar = tqdm(total=len(chosen), desc=title, unit='file', disable=hidden)
    with bar:
        for index, found in zip(chosen, inspected(inspect, names, opening)):
            yield index, found
            bar.update()


def inspected(
    inspect: Callable[[str], Content],
    names: Sequence[str],
    opening: Opening,
) -> Iterator[Content]:
    """Yield the results of ``inspect`` for all files, in order.

    Raises:
        ValueError: A process was killed.
    """
    try:
        yield from parallel_map(inspect, names, opening.workers)
    except LostWorkerError as error:
        raise ValueError(
            'a worker process was killed, possibly because memory ran out, '
            f'shortly after {escape(names[error.args[0]])}; use fewer workers '
            'or a limit of pixels'
        ) from None


@dataclass
class _WideImages:
    """Images whose samples are not unsigned 8-bit integers."""

    count: int = 0
    least: float = float('inf')
    most: float = float('-inf')
    clipped: int = 0
    share: float = 0.0


class ImageNotes:
    """Collector of notes about images that ``decoding`` reads."""

    def __init__(self, decoding: ImageDecoding) -> None:
        self.decoding = decoding
        self._counts: Counter[str] = Counter()
        self._wide: dict[tuple[int, str], _WideImages] = {}

    def add(self, content: Inspection) -> None:
        """Add an image."""
        kind = content.kind
        if kind is None:
            return
        self._counts['animated'] += content.animated
        self._counts['clear'] += content.transparent
        self._counts['doubtful'] += kind.doubtful_alpha
        self._counts['extra'] += bool(kind.extra)
        if content.sample_values is None:
            return
        wide = self._wide.setdefault((kind.bits, kind.number), _WideImages())
        wide.count += 1
        wide.least = min(wide.least, content.sample_values[0])
        wide.most = max(wide.most, content.sample_values[1])
        wide.clipped += content.clipped > 0
        wide.share += content.clipped

    def lines(self) -> list[str]:
        """Return one line per note."""
        counts, decoding = self._counts, self.decoding
        lines = []
        if counts['clear'] and decoding.extra_band != 'drop':
            lines.append(
                f'{counts["clear"]:,} images with transparency are composited '
                f'over the colour {decoding.background}'
            )
            if counts['doubtful'] and decoding.extra_band is None:
                lines[-1] += (
                    f'; {counts["doubtful"]:,} of them are TIFF files with '
                    'unassociated alpha, which some programs set for any '
                    "additional band; extra_band='drop' ignores it"
                )
        dropped = counts['clear'] + counts['extra']
        if dropped and decoding.extra_band == 'drop':
            lines.append(
                f'{dropped:,} images have additional bands, which are ignored'
            )
        if counts['animated']:
            lines.append(
                f'{counts["animated"]:,} files have several frames, of which '
                'the first is read'
            )
        lines += [
            self._wide_line(bits, number, wide)
            for (bits, number), wide in sorted(self._wide.items())
        ]
        return lines

    def _wide_line(self, bits: int, number: str, wide: _WideImages) -> str:
        text = (
            f'{wide.count:,} images of {bits}-bit {NUMBERS[number]} have '
            f'values from {wide.least:.6g} to {wide.most:.6g}'
        )
        if self.decoding.value_range is not None:
            low, high = self.decoding.value_range
            text += f'; {low:g} to {high:g} become 0 to 255'
        elif bits == CONTAINER_BITS:
            text += (
                '; 0 to 65535 become 0 to 255, value_range sets another range'
            )
        if wide.clipped:
            text += (
                f'; {100 * wide.share / wide.count:.3g} % of the values, in '
                f'{wide.clipped:,} images, are outside and clipped'
            )
        return text
