"""Opens many image files side by side and says what each holds."""

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

# EXIF orientations that turn a picture by a quarter, and their key.
QUARTER_TURNS = (5, 6, 7, 8)
ORIENTATION = 0x0112
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
        fault: why it cannot be read; None if it can.
        values: for label maps, each value and how many pixels have it.
    """

    width: int = 0
    height: int = 0
    fault: str | None = None
    values: tuple[tuple[int, int], ...] = ()


def inspect_image(path: str) -> Inspection:
    """Reads a picture completely."""
    return _inspect(path, _picture)


def inspect_label_map(path: str) -> Inspection:
    """Reads a label map completely, and counts its values."""
    return _inspect(path, _label_map)


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
        if opening.workers <= 1 or len(chosen) < 2 * opening.workers:
            for index, name in zip(chosen, names):
                yield index, inspect(name)
                bar.update()
            return
        # Spawned workers would import torch each. (An executor, not a Pool:
        # that would wait forever for a worker that was killed.)
        methods = multiprocessing.get_all_start_methods()
        method = 'fork' if 'fork' in methods else None
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(opening.workers, context) as workers:
            found = workers.map(inspect, names, chunksize=16)
            for index, inspection in zip(chosen, found):
                yield index, inspection
                bar.update()


def _inspect(
    path: str, look: Callable[[Image.Image], Inspection]
) -> Inspection:
    """Opens a file; what goes wrong becomes a fault."""
    with warnings.catch_warnings():
        # Odd EXIF data is no matter here; bombs are errors of their own.
        warnings.simplefilter('ignore')
        try:
            with Image.open(path) as image:
                image.load()
                return look(image)
        except UnidentifiedImageError:
            # Its own text is the path again.
            return Inspection(fault='no image of a format that Pillow knows')
        except Exception as error:
            # Decoders raise whatever they like on broken data.
            return Inspection(fault=f'{type(error).__name__}: {error}')


def _picture(image: Image.Image) -> Inspection:
    width, height = image.size
    if image.getexif().get(ORIENTATION) in QUARTER_TURNS:
        width, height = height, width
    return Inspection(width, height)


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
