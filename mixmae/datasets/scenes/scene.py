"""Image of a scene with its annotations, and outlines of masks as in COCO."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy import ndarray

from mixmae.datasets.scenes.objects import CLASSES


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

    @cached_property
    def area(self) -> int:
        """Number of visible pixels."""
        return int(self.mask.sum())

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Bounding box of the visible part: x, y, width, height in pixels."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return x, y, width, height

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


def run_lengths(mask: ndarray) -> list[int]:
    """Return COCO's uncompressed run lengths of a bool mask (h, w).

    The order is column-major; runs of 0 and 1 alternate, starting with 0
    (that run may be empty).
    """
    flat = np.asarray(mask, dtype=bool).ravel(order='F')
    borders = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate(([0], borders, [flat.size]))
    runs = np.diff(edges).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def polygon(mask: ndarray) -> list[float] | None:
    """Return the outline of a mask in COCO format: x, y, x, y ...

    It runs along pixel edges, so that area and filled polygon are exactly
    those of the mask (a contour through pixel centres would lose half a pixel
    on each side, a large part of small objects).

    Returns:
        ``None`` if the mask is empty, in several pieces (pixels that meet at
        a corner are two pieces) or has a hole: use ``run_lengths`` then.
    """
    mask = np.asarray(mask, dtype=np.uint8)
    pieces = cv2.connectedComponents(mask, connectivity=4)[0] - 1
    gaps = cv2.connectedComponents(np.pad(1 - mask, 1, constant_values=1))
    if pieces != 1 or gaps[0] - 1 != 1:
        return None
    return _trace(mask)


def _trace(mask: ndarray) -> list[float]:
    """Trace a simply connected mask, clockwise on the screen."""
    padded = np.pad(mask, 1)
    # Edge steps with the mask to their right, as start -> step.
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    rows, columns = np.nonzero(padded)
    for row, column in zip(rows.tolist(), columns.tolist()):
        y, x = row - 1, column - 1
        if not padded[row - 1, column]:
            steps.setdefault((x, y), []).append((1, 0))
        if not padded[row, column + 1]:
            steps.setdefault((x + 1, y), []).append((0, 1))
        if not padded[row + 1, column]:
            steps.setdefault((x + 1, y + 1), []).append((-1, 0))
        if not padded[row, column - 1]:
            steps.setdefault((x, y + 1), []).append((0, -1))
    start = min(steps, key=lambda point: (point[1], point[0]))
    outline: list[float] = []
    point, heading = start, (0, 0)
    while True:
        choices = steps[point]
        # Two steps are possible where pixels of one piece touch at a corner:
        # turning right stays at the current pixel.
        right = (-heading[1], heading[0])
        step = right if right in choices else choices[0]
        choices.remove(step)
        if step != heading:
            outline += [float(point[0]), float(point[1])]
            heading = step
        point = (point[0] + step[0], point[1] + step[1])
        if point == start and not steps[start]:
            return outline
