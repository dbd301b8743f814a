"""Reader of label maps."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_file import opened_image


class LabelMapFile(NamedTuple):
    """Content of a label map.

    Attributes:
        width: In pixels.
        height: In pixels.
        mode: Pillow's mode: 'L', 'P' for a palette, 'RGB', ...
        values: Values in ascending order with their pixel counts; empty for a
            file that does not have one 8-bit value per pixel.
        fault: Why it is empty, and the remedy.
    """

    width: int = 0
    height: int = 0
    mode: str = ''
    values: tuple[tuple[int, int], ...] = ()
    fault: str | None = None


def read_label_map(path: str) -> LabelMapFile:
    """Count the values of a label map; other files get a fault."""
    try:
        with warnings.catch_warnings():
            # Of EXIF data, for example.
            warnings.simplefilter('ignore')
            return _read(path)
    except CorruptImageError as error:
        detail = ' '.join(error.detail.split())
        fault = f'{error.cause} ({detail})' if detail else error.cause
        return LabelMapFile(fault=f'{fault}; replace it')


def _read(path: str) -> LabelMapFile:
    with opened_image(path) as image:
        # The indices of a palette are the labels; its colours do not matter.
        if image.mode not in ('L', 'P', '1'):
            fault = (
                f'mode {image.mode}, not one 8-bit value per pixel; save it '
                f'as a grey or a palette image'
            )
            return LabelMapFile(*image.size, image.mode, fault=fault)
        counts = np.bincount(np.asarray(image, np.uint8).ravel())
        values = np.flatnonzero(counts)
        pairs = tuple(zip(values.tolist(), counts[values].tolist()))
        return LabelMapFile(*image.size, image.mode, pairs)
