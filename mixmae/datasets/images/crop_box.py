"""The part of an image that a crop takes, and how one is drawn."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class CropBox(NamedTuple):
    """A rectangle of an image, in whole pixels."""

    top: int
    left: int
    height: int
    width: int


class CropRange(NamedTuple):
    """Which crops are drawn.

    Attributes:
        area: smallest and largest, as shares of the image's area.
        aspect: smallest and largest ratio of width to height.
        attempts: how often a crop is drawn that does not fit, before the
            middle of the image is taken.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]
    attempts: int

    def draw(self, height: int, width: int) -> CropBox:
        """A crop of an image of this size, in pixels.

        Area and logarithm of the aspect ratio are uniform. NumPy's global
        generator is asked in the same order and for the same values as by
        ``RandomResizedCrop`` of mmpretrain, so both draw the same crops.
        """
        shortest, longest = map(math.log, self.aspect)
        for _ in range(self.attempts):
            area = np.random.uniform(*self.area) * (height * width)
            aspect = math.exp(np.random.uniform(shortest, longest))
            wide = round(math.sqrt(area * aspect))
            high = round(math.sqrt(area / aspect))
            if 0 < wide <= width and 0 < high <= height:
                top = np.random.randint(0, height - high + 1)
                left = np.random.randint(0, width - wide + 1)
                return CropBox(int(top), int(left), high, wide)
        return self._middle(height, width)

    def _middle(self, height: int, width: int) -> CropBox:
        """The largest part in the middle of an allowed aspect ratio."""
        high, wide = height, width
        if width / height < min(self.aspect):
            high = max(1, round(width / min(self.aspect)))
        elif width / height > max(self.aspect):
            wide = max(1, round(height * max(self.aspect)))
        return CropBox((height - high) // 2, (width - wide) // 2, high, wide)
