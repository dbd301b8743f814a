"""Light, background and shading of a scene.

Images here are float32 RGB (h, w, 3), 0 to 1; light directions are unit
vectors (x right, y down, z towards the viewer).
"""

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy import ndarray

from mixmae.datasets.scenes.objects import Surface


@dataclass(frozen=True)
class Light:
    """One lamp and the ambient light.

    Attributes:
        direction: (3,) unit vector from the scene to the lamp.
        tint: (3,) RGB factor of everything that is lit.
        ambient: Fraction of light that reaches every side, 0 to 1.
    """

    direction: ndarray
    tint: ndarray
    ambient: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a lamp above the scene, from warm evening to cool shade."""
    azimuth = rng.uniform(-np.pi, 0)
    elevation = rng.uniform(0.6, 1.2)
    direction = np.array(
        [
            np.cos(azimuth) * np.cos(elevation),
            np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ],
        dtype=np.float32,
    )
    warmth = rng.uniform(-0.16, 0.2)
    exposure = rng.uniform(0.75, 1.12)
    tint = exposure * np.array([1 + warmth, 1.0, 1 - warmth])
    return Light(direction, tint.astype(np.float32), rng.uniform(0.3, 0.5))


def draw_background(
    height: int, width: int, rng: np.random.Generator
) -> ndarray:
    """Draw a smooth background: a gradient of two colours and some glows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    hue = rng.uniform(0, 1)
    colours = []
    for _ in range(2):
        shade = colorsys.hsv_to_rgb(
            (hue + rng.normal(0, 0.09)) % 1.0,
            rng.uniform(0.08, 0.5),
            rng.uniform(0.3, 0.9),
        )
        colours.append(np.asarray(shade, dtype=np.float32))
    angle = rng.uniform(0, 2 * np.pi)
    ramp = 0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    ramp = np.clip(ramp, 0, 1)[..., None]
    image = colours[0] + ramp * (colours[1] - colours[0])
    for _ in range(rng.integers(1, 4)):
        centre_x, centre_y = rng.uniform(0, 1, size=2)
        reach = rng.uniform(0.15, 0.4)
        strength = rng.uniform(-0.22, 0.22)
        squared = (x - centre_x) ** 2 + (y - centre_y) ** 2
        glow = strength * np.exp(-squared / (2 * reach**2))
        image = image + glow[..., None]
    return np.clip(image, 0.02, 0.98).astype(np.float32)


def shade(surface: Surface, light: Light) -> ndarray:
    """Return the surface's colours under a light, RGB (h, w, 3).

    The relief follows the distance to the outline: flat in the middle,
    curved over the width of the bevel.
    """
    across = np.clip(1 + surface.distance / surface.bevel, 0.0, 0.98)
    grad_y, grad_x = np.gradient(surface.distance)
    length = np.sqrt(grad_x * grad_x + grad_y * grad_y) + 1e-6
    normal_x, normal_y = grad_x / length * across, grad_y / length * across
    normal_z = np.sqrt(1.0 - across * across)
    lx, ly, lz = light.direction
    facing = np.maximum(normal_x * lx + normal_y * ly + normal_z * lz, 0.0)
    lit = light.ambient + (1 - light.ambient) * facing / max(float(lz), 0.5)
    colour = surface.albedo * lit[..., None]
    if surface.gloss > 0:
        # Half-way vector between the lamp and the viewer along z.
        hx, hy, hz = light.direction + np.array([0, 0, 1], np.float32)
        norm = float(np.sqrt(hx * hx + hy * hy + hz * hz))
        mirror = (normal_x * hx + normal_y * hy + normal_z * hz) / norm
        highlight = surface.gloss * 0.6 * np.maximum(mirror, 0.0) ** 32
        colour = colour + highlight[..., None]
    return colour


def shadow(distance: ndarray, light: Light, pixels_per_unit: float) -> ndarray:
    """Return the opacity (h, w) of a soft shadow, 0 to about 0.5."""
    reach = 0.22 * pixels_per_unit
    matrix = np.array(
        [
            [1, 0, -light.direction[0] * reach],
            [0, 1, -light.direction[1] * reach],
        ],
        dtype=np.float64,
    )
    moved = cv2.warpAffine(
        distance,
        matrix,
        (distance.shape[1], distance.shape[0]),
        borderMode=cv2.BORDER_REPLICATE,
    )
    return 0.5 * np.clip(0.5 - moved / 0.35, 0.0, 1.0) * (1 - light.ambient)
