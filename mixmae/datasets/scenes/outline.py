"""Outlines of masks: polygons along pixel edges, and COCO run lengths."""

import cv2
import numpy as np
from numpy import ndarray


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
