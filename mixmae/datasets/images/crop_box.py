"""Crop of an image, and its random draw."""

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
    """Distribution of random crops.

    Attributes:
        area: Smallest and largest area, as fractions of the image's area.
        aspect: Smallest and largest ratio of width to height.
        attempts: Number of draws that may not fit before the centre of the
            image is taken.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]
    attempts: int

    def draw(self, height: int, width: int) -> CropBox:
        """Draw a crop of an image of this size, in pixels.

        Area and logarithm of the aspect ratio are uniform. The calls of
        NumPy's global generator are those of mmpretrain's
        ``RandomResizedCrop``, in the same order, so both draw the same crops.
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
        """Return the largest centre crop of an allowed aspect ratio."""
        high, wide = height, width
        if width / height < min(self.aspect):
            high = max(1, round(width / min(self.aspect)))
        elif width / height > max(self.aspect):
            wide = max(1, round(height * max(self.aspect)))
        return CropBox((height - high) // 2, (width - wide) // 2, high, wide)
