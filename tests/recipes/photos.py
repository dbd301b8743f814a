"""Folders of small photo-like images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = ('jpg', 'png', 'webp')


def write_photos(
    folder: Path, count: int = 24, side: int = 72, seed: int = 0
) -> list[Path]:
    """Write images of blurred noise in several sizes and formats."""
    generator = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        place = folder / ('odd names, #1' if index % 3 == 1 else '')
        place.mkdir(parents=True, exist_ok=True)
        small = generator.integers(0, 256, (9, 9, 3), np.uint8)
        size = (side + index % 5, side + index % 7)
        path = place / f'{index} ä.{SUFFIXES[index % 3]}'
        Image.fromarray(small).resize(size).save(path)
        paths.append(path)
    return paths
