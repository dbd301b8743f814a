"""Rendered scene: the image and its visible objects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray

from mixmae.datasets.scenes.objects import CLASSES
from mixmae.datasets.scenes.outline import polygon, run_lengths


@dataclass(frozen=True)
class Instance:
    """One object of a scene.

    Attributes:
        label: Class, an index into ``CLASSES``.
        mask: (H, W) bool, True where it is visible (not occluded).
        visible_share: Visible area over the area that the object would have
            in the image without occlusion, 0 to 1.
    """

    label: int
    mask: ndarray
    visible_share: float

    @property
    def name(self) -> str:
        """Name of its class."""
        return CLASSES[self.label]

    @cached_property
    def area(self) -> int:
        """Number of visible pixels."""
        return int(self.mask.sum())

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Bounding box of the visible part: x, y, width, height in pixels."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        columns = np.flatnonzero(self.mask.any(axis=0))
        x, y = int(columns[0]), int(rows[0])
        return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y

    @property
    def is_scrap(self) -> bool:
        """Whether the visible part is too small to recognise; COCO's crowd."""
        too_small = self.area < self.mask.size / 400
        return too_small or self.visible_share < 0.2

    def segmentation(self) -> list[list[float]] | dict:
        """Return a COCO polygon if in one piece, else run lengths."""
        outline = None if self.is_scrap else polygon(self.mask)
        if outline is not None:
            return [outline]
        height, width = self.mask.shape
        counts = run_lengths(self.mask)
        return {'size': [height, width], 'counts': counts}


@dataclass(frozen=True)
class Scene:
    """An image with its annotations.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        instances: Visible objects, from back to front; their masks are
            disjoint and not empty.
        label: Class of the dominant object, clearly the largest.
    """

    image: ndarray
    instances: tuple[Instance, ...]
    label: int

    @property
    def name(self) -> str:
        """Name of the dominant class."""
        return CLASSES[self.label]

    def label_map(self) -> ndarray:
        """Return (H, W) uint8: 0 is background, c + 1 is class c (ADE20K)."""
        labels = np.zeros(self.image.shape[:2], dtype=np.uint8)
        for instance in self.instances:
            labels[instance.mask] = instance.label + 1
        return labels
