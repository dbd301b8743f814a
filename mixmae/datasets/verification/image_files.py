"""Opens many image files side by side and says what each holds."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mixmae.datasets.broken_image_error import BrokenImageError
from mixmae.datasets.image_file import (
    ANY_SIZE,
    ImageLimits,
    opened_image,
    read_image,
)
from mixmae.datasets.parallel_map import LostWorkerError, parallel_map
from mixmae.fileio.escaped_path import escape

DECODE = ('all', 'sample', 'none')
SAMPLE = 1000


@dataclass(frozen=True)
class Opening:
    """How the files of a set are looked into.

    Attributes:
        decode: open ``all`` files, a ``sample`` of 1,000 evenly spread over
            each split, or ``none``.
        workers: processes that open files; 0 or 1 for this one alone.
        progress: whether to draw a bar on stderr.

    Raises:
        ValueError: decode or workers are out of their range.
    """

    decode: str = 'sample'
    workers: int = 0
    progress: bool = False

    def __post_init__(self) -> None:
        if self.decode not in DECODE:
            raise ValueError(
                f'decode must be one of {", ".join(DECODE)}, '
                f'got {self.decode!r}'
            )
        if self.workers < 0:
            raise ValueError(f'workers must be 0 or more, got {self.workers}')

    def choose(self, count: int) -> list[int]:
        """Which of ``count`` files to open, in ascending order."""
        if self.decode == 'none':
            return []
        if self.decode == 'all' or count <= SAMPLE:
            return list(range(count))
        return [index * count // SAMPLE for index in range(SAMPLE)]


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Attributes:
        width: in pixels, after the EXIF orientation; 0 if unknown.
        height: in pixels, likewise.
        fault: why it cannot be used; None if it can.
        values: for label maps, each value and how many pixels have it.
        cause: one of ``CAUSES`` if it cannot be used, else ''.
        format: Pillow's name for it, e.g. 'JPEG'; '' if unknown.
    """

    width: int = 0
    height: int = 0
    fault: str | None = None
    values: tuple[tuple[int, int], ...] = ()
    cause: str = ''
    format: str = ''


def inspect_image(path: str, limits: ImageLimits = ANY_SIZE) -> Inspection:
    """Reads a picture completely, as the loader of a run does."""
    with warnings.catch_warnings():
        # Odd EXIF data is no matter here; bombs are errors of their own.
        warnings.simplefilter('ignore')
        try:
            content = read_image(path, limits)
        except BrokenImageError as error:
            return _faulty(error)
    height, width = content.pixels.shape[:2]
    return Inspection(width, height, format=content.format)


def inspect_label_map(path: str) -> Inspection:
    """Reads a label map completely, and counts its values."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            with opened_image(path) as image:
                return _label_map(image)
        except BrokenImageError as error:
            return _faulty(error)


def _faulty(error: BrokenImageError) -> Inspection:
    detail = ' '.join(error.detail.split())
    fault = f'{error.cause} ({detail})' if detail else error.cause
    return Inspection(fault=fault, cause=error.cause)


def inspect_images(
    paths: Sequence[Path], opening: Opening, title: str
) -> Iterator[tuple[int, Inspection]]:
    """The chosen ones of some pictures: index in ``paths`` and content."""
    return _inspect_chosen(inspect_image, paths, opening, title)


def inspect_label_maps(
    paths: Sequence[Path], opening: Opening, title: str
) -> Iterator[tuple[int, Inspection]]:
    """The chosen ones of some label maps: index in ``paths`` and content."""
    return _inspect_chosen(inspect_label_map, paths, opening, title)


def _inspect_chosen(
    inspect: Callable[[str], Inspection],
    paths: Sequence[Path],
    opening: Opening,
    title: str,
) -> Iterator[tuple[int, Inspection]]:
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
    inspect: Callable[[str], Inspection],
    names: Sequence[str],
    opening: Opening,
) -> Iterator[Inspection]:
    """What ``inspect`` finds in files, in their order.

    Args:
        inspect: can be pickled.
        names: of the files, all of which are opened.
        opening: how many processes work on it.

    Raises:
        ValueError: one of the processes was killed.
    """
    try:
        yield from parallel_map(inspect, names, opening.workers)
    except LostWorkerError as error:
        raise ValueError(
            f'a process that opens images was killed, for want of memory '
            f'perhaps, not long after {escape(names[error.args[0]])}; take '
            f'fewer workers or a limit of pixels'
        ) from None


def _label_map(image: Image.Image) -> Inspection:
    # Colours of a palette do not matter, its indices are the labels.
    if image.mode not in ('L', 'P', '1'):
        fault = (
            f'mode {image.mode}, not one value of 8 bits per pixel; save it '
            f'as a grey or a palette image'
        )
        return Inspection(*image.size, fault)
    counts = np.bincount(np.asarray(image, np.uint8).ravel())
    values = np.flatnonzero(counts)
    pairs = zip(values.tolist(), counts[values].tolist())
    return Inspection(*image.size, None, tuple(pairs))
