"""Signed distances to flat shapes, the primitives of scene objects.

``x`` and ``y`` are float arrays of equal shape: coordinates in the object's
own frame, x to the right, y down, in units of the object's radius. A distance
is negative inside, positive outside, with a slope of about 1 near the boundary
(exact where that is cheap), so that one division by the size of a pixel gives
anti-aliased coverage at any resolution.
"""

import numpy as np
from numpy import ndarray


def coverage(distance: ndarray, pixel: float) -> ndarray:
    """Return the covered fraction of pixels of width ``pixel``, 0 to 1."""
    return np.clip(0.5 - distance / pixel, 0.0, 1.0)


def circle(x: ndarray, y: ndarray, radius: float) -> ndarray:
    """Return the distance to a circle around the origin."""
    return np.sqrt(x * x + y * y) - radius


def ellipse(x: ndarray, y: ndarray, width: float, height: float) -> ndarray:
    """Return the approximate distance to an ellipse with these half axes."""
    scaled = np.sqrt((x / width) ** 2 + (y / height) ** 2)
    return (scaled - 1.0) * min(width, height)


def box(
    x: ndarray, y: ndarray, width: float, height: float, corner: float = 0.0
) -> ndarray:
    """Return the distance to a box with half sides and rounded corners."""
    dx = np.abs(x) - (width - corner)
    dy = np.abs(y) - (height - corner)
    outside = np.sqrt(np.maximum(dx, 0.0) ** 2 + np.maximum(dy, 0.0) ** 2)
    return outside + np.minimum(np.maximum(dx, dy), 0.0) - corner


def lens(x: ndarray, y: ndarray, half_width: float) -> ndarray:
    """Return the distance to two arcs that meet at (-1, 0) and (1, 0)."""
    shift = (1.0 - half_width**2) / (2.0 * half_width)
    radius = shift + half_width
    upper = np.sqrt(x * x + (y - shift) ** 2)
    lower = np.sqrt(x * x + (y + shift) ** 2)
    return np.maximum(upper, lower) - radius


def rosette(
    x: ndarray, y: ndarray, lobes: int, inner: float, sharp: float
) -> ndarray:
    """Return the approximate distance to a star or flower with round lobes.

    The boundary oscillates between radius ``inner`` and 1; ``sharp`` 0 gives
    petals with notches between them, 1 gives pointed arms.
    """
    radius = np.sqrt(x * x + y * y) + 1e-6
    half_turn = 0.5 * lobes * np.arctan2(x, -y)
    swing = np.abs(np.cos(half_turn))
    arms = swing if sharp == 0 else (1 - sharp) * swing + sharp * swing**3
    border = inner + (1.0 - inner) * arms
    # A steep boundary would look thin: divide by the length of the gradient.
    slope = 0.5 * lobes * (1.0 - inner) * np.abs(np.sin(half_turn)) / radius
    return (radius - border) / np.sqrt(1.0 + slope * slope)


def triangle(
    x: ndarray, y: ndarray, corners: tuple[tuple[float, float], ...]
) -> ndarray:
    """Return the distance to a triangle, corners clockwise on the screen."""
    distance = np.full_like(x, -np.inf)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        length = float(np.hypot(x1 - x0, y1 - y0))
        nx, ny = (y1 - y0) / length, (x0 - x1) / length
        distance = np.maximum(distance, (x - x0) * nx + (y - y0) * ny)
    return distance


def union(first: ndarray, second: ndarray, blend: float = 0.0) -> ndarray:
    """Return the distance to a union; ``blend`` rounds the junction."""
    if blend == 0.0:
        return np.minimum(first, second)
    overlap = np.maximum(blend - np.abs(first - second), 0.0) / blend
    return np.minimum(first, second) - overlap * overlap * blend * 0.25
