"""The ten object classes of the scenes (``KINDS``), each drawn by a painter.

Shape, texture, palette, size and pose are correlated as in nature, but no
single cue is sufficient: every palette overlaps several others, and pose and
occlusion change every outline.

A painter takes the coordinates of pixel centres in the object's frame (see
``signed_distances``), the width of a pixel in that frame, and a random
generator. It draws only scalars from the generator, so an object looks the
same at every resolution.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from mixmae.datasets.scenes.signed_distances import (
    box,
    circle,
    coverage,
    ellipse,
    lens,
    rosette,
    triangle,
    union,
)


@dataclass
class Surface:
    """Output of a painter, before lighting.

    Attributes:
        distance: (h, w) signed distance to the outline, negative inside.
        albedo: (h, w, 3) RGB, 0 to 1.
        bevel: Width of the rounded rim in object units; 1 is a ball, a small
            value is a flat object.
        gloss: Strength of the highlight, 0 to 1.
    """

    distance: ndarray
    albedo: ndarray
    bevel: float
    gloss: float


Painter = Callable[[ndarray, ndarray, float, np.random.Generator], Surface]


def _colour(
    rng: np.random.Generator, *palette: tuple[float, float, float]
) -> ndarray:
    """Draw a colour near one of a palette of (hue in degrees, s, v)."""
    hue, saturation, value = palette[rng.integers(len(palette))]
    hue += rng.uniform(-14, 14)
    saturation = min(1.0, max(0.0, saturation + rng.uniform(-0.12, 0.12)))
    value = min(1.0, max(0.0, value + rng.uniform(-0.12, 0.12)))
    rgb = colorsys.hsv_to_rgb(hue / 360 % 1.0, saturation, value)
    return np.asarray(rgb, dtype=np.float32)


def _fill(shape: tuple[int, ...], colour: ndarray) -> ndarray:
    return np.broadcast_to(colour, (*shape, 3)).astype(np.float32)


def _paint(albedo: ndarray, where: ndarray, colour: ndarray) -> ndarray:
    """Blend in a colour; ``where`` is its opacity per pixel."""
    return albedo + where[..., None] * (colour - albedo)


def apple(x, y, pixel, rng) -> Surface:
    """Paint two lobes with a dimple, a blush of a second colour, a stem."""
    body = union(
        ellipse(x - 0.3, y - 0.1, 0.62, 0.8),
        ellipse(x + 0.3, y - 0.1, 0.62, 0.8),
        blend=0.35,
    )
    skin = _colour(rng, (0, 0.8, 0.75), (85, 0.65, 0.75), (48, 0.7, 0.9))
    blush = _colour(rng, (5, 0.8, 0.8), (60, 0.65, 0.85))
    side = rng.uniform(-1.0, 1.0)
    albedo = _fill(x.shape, skin)
    albedo = _paint(albedo, np.clip(0.4 + side * x - 0.6 * y, 0, 0.8), blush)
    bend = rng.uniform(-0.2, 0.2)
    stem = box(x - bend * (y + 0.5), y + 0.78, 0.07, 0.24, 0.05)
    brown = _colour(rng, (28, 0.6, 0.35))
    albedo = _paint(albedo, coverage(stem, pixel), brown)
    return Surface(union(body, stem), albedo, bevel=0.75, gloss=0.5)


def leaf(x, y, pixel, rng) -> Surface:
    """Paint a pointed lens with a midrib and veins that run off it."""
    bend = rng.uniform(-0.25, 0.25)
    y = y - bend * (1 - x * x)
    body = lens(x, y, rng.uniform(0.4, 0.56))
    blade = _colour(rng, (110, 0.65, 0.55), (50, 0.75, 0.75), (15, 0.75, 0.6))
    vein = np.clip(blade * 1.45 + 0.06, 0, 1)
    phase = np.abs((x + 0.75 * np.abs(y)) * 3.2 % 1.0 - 0.5) / 3.2
    ribs = np.minimum(np.abs(y), phase + 0.02) - 0.05
    albedo = _paint(_fill(x.shape, blade), 0.8 * coverage(ribs, pixel), vein)
    return Surface(body, albedo, bevel=0.25, gloss=0.1)


def starfish(x, y, pixel, rng) -> Surface:
    """Paint five soft arms with a row of warts along each."""
    body = rosette(x, y, lobes=5, inner=0.36, sharp=0.75) - 0.05
    skin = _colour(rng, (22, 0.75, 0.85), (345, 0.5, 0.8), (265, 0.4, 0.65))
    wart = np.clip(skin * 0.4 + 0.58, 0, 1)
    radius = np.sqrt(x * x + y * y)
    turn = np.arctan2(x, -y) * 5 / (2 * np.pi)
    across = (turn - np.round(turn)) * 2 * np.pi / 5 * radius
    along = (radius * 4.5 % 1.0 - 0.5) / 4.5
    warts = np.sqrt(across * across + along * along) - 0.065
    albedo = _paint(_fill(x.shape, skin), coverage(warts, pixel), wart)
    return Surface(body, albedo, bevel=0.35, gloss=0.05)


def ball(x, y, pixel, rng) -> Surface:
    """Paint a glossy ball with gores of two colours around a tilted pole."""
    body = circle(x, y, 0.9)
    first = _colour(rng, (210, 0.7, 0.8), (0, 0.75, 0.8), (140, 0.6, 0.6))
    second = _colour(rng, (50, 0.12, 0.95), (48, 0.75, 0.95))
    pole_x, pole_y = rng.uniform(-0.4, 0.4, size=2)
    gores = int(rng.integers(3, 5))
    dx, dy = x - pole_x, y - pole_y
    radius = np.sqrt(dx * dx + dy * dy) + 1e-6
    stripes = np.sin(np.arctan2(dy, dx) * gores) * radius / gores
    albedo = _paint(_fill(x.shape, first), coverage(stripes, pixel), second)
    cap = coverage(radius - 0.16, pixel)
    return Surface(body, _paint(albedo, cap, second), bevel=0.9, gloss=0.7)


def brick(x, y, pixel, rng) -> Surface:
    """Paint a piece of wall: staggered courses with mortar between them."""
    body = box(x, y, 0.98, 0.62, 0.06)
    clay = _colour(rng, (12, 0.62, 0.6), (32, 0.5, 0.72), (20, 0.15, 0.55))
    mortar = _colour(rng, (40, 0.1, 0.85))
    course = np.floor(y / 0.42 + 0.5)
    joint_y = np.abs(y / 0.42 + 0.5 - np.round(y / 0.42 + 0.5)) * 0.42
    column = x / 0.8 + 0.5 * (course % 2)
    joint_x = np.abs(column - np.round(column)) * 0.8
    joints = np.minimum(joint_x, joint_y) - 0.045
    tint = 1 + 0.14 * np.sin(5.1 * np.round(column - 0.5) + 3.7 * course)
    albedo = np.clip(_fill(x.shape, clay) * tint[..., None], 0, 1)
    albedo = _paint(albedo, coverage(joints, pixel), mortar)
    return Surface(body, albedo.astype(np.float32), bevel=0.1, gloss=0.0)


def fish(x, y, pixel, rng) -> Surface:
    """Paint a body with bars, a pale belly, a tail fin and an eye."""
    slim = rng.uniform(0.38, 0.52)
    body = ellipse(x + 0.18, y, 0.78, slim)
    tail = triangle(x, y, ((0.4, 0.0), (1.0, -0.46), (1.0, 0.46)))
    skin = _colour(rng, (205, 0.6, 0.75), (25, 0.8, 0.9), (50, 0.65, 0.9))
    bar = np.clip(skin * 0.42, 0, 1)
    albedo = _paint(
        _fill(x.shape, skin),
        np.clip(y / slim, 0, 0.75),
        np.array([0.95, 0.93, 0.86], np.float32),
    )
    bars = np.abs((x - 0.05) * 2.1 % 1.0 - 0.5) / 2.1 - 0.075
    bars = np.where(x < -0.42, 1.0, bars)
    albedo = _paint(albedo, 0.85 * coverage(bars, pixel), bar)
    eye = circle(x + 0.66, y + 0.1, 0.13)
    albedo = _paint(
        albedo, coverage(eye, pixel), np.array([1, 1, 0.95], np.float32)
    )
    albedo = _paint(
        albedo, coverage(eye + 0.06, pixel), np.array([0, 0, 0], np.float32)
    )
    return Surface(union(body, tail, 0.12), albedo, bevel=0.4, gloss=0.4)


def mushroom(x, y, pixel, rng) -> Surface:
    """Paint a domed cap with pale spots over a pale stem."""
    under = y + 0.06 - 0.12 * x * x
    cap = np.maximum(ellipse(x, y + 0.02, 0.95, 0.85), under) - 0.03
    stem = box(x * (1.1 - 0.25 * y), y - 0.42, 0.26, 0.5, 0.14)
    felt = _colour(rng, (2, 0.8, 0.7), (25, 0.6, 0.5), (40, 0.5, 0.8))
    pale = _colour(rng, (42, 0.12, 0.92))
    albedo = _paint(_fill(x.shape, pale), coverage(cap, pixel), felt)
    offset = rng.uniform(0, 1)
    for place, height in ((0.1, 0.22), (0.38, 0.5), (0.66, 0.28), (0.92, 0.5)):
        centre = ((place + offset) % 1.0 - 0.5) * 1.5
        spot = ellipse(x - centre, y + height, 0.15, 0.12)
        on_cap = np.maximum(spot, cap + 0.03)
        albedo = _paint(albedo, coverage(on_cap, pixel), pale)
    return Surface(union(cap, stem), albedo, bevel=0.5, gloss=0.2)


def flower(x, y, pixel, rng) -> Surface:
    """Paint petals that darken towards a contrasting centre."""
    lobes = int(rng.integers(5, 9))
    body = rosette(x, y, lobes=lobes, inner=0.56, sharp=0.0)
    petal = _colour(
        rng,
        (325, 0.55, 0.85),
        (265, 0.5, 0.75),
        (50, 0.1, 0.95),
        (8, 0.7, 0.8),
    )
    heart = _colour(rng, (48, 0.85, 0.95), (28, 0.6, 0.4))
    radius = np.sqrt(x * x + y * y)
    albedo = _paint(
        _fill(x.shape, petal), np.clip(0.75 - radius, 0, 0.6), petal * 0.35
    )
    albedo = _paint(albedo, coverage(radius - 0.27, pixel), heart)
    return Surface(body, albedo, bevel=0.18, gloss=0.0)


def mug(x, y, pixel, rng) -> Surface:
    """Paint a cup with a handle, a dark mouth and a band around it."""
    wall = box((x + 0.18) * (1 + 0.14 * y), y, 0.62, 0.78, 0.12)
    handle = np.abs(ellipse(x - 0.48, y - 0.02, 0.36, 0.42)) - 0.1
    glaze = _colour(rng, (215, 0.6, 0.7), (45, 0.1, 0.92), (150, 0.45, 0.6))
    band = _colour(rng, (45, 0.1, 0.95), (5, 0.7, 0.7), (210, 0.6, 0.5))
    albedo = _fill(x.shape, glaze)
    stripe = np.abs(y - rng.uniform(0.0, 0.3)) - rng.uniform(0.1, 0.2)
    on_wall = np.maximum(stripe, wall)
    albedo = _paint(albedo, coverage(on_wall, pixel), band)
    mouth = ellipse(x + 0.18, y + 0.66, 0.6, 0.2)
    albedo = _paint(albedo, coverage(mouth, pixel), glaze * 0.8 + 0.15)
    albedo = _paint(albedo, coverage(mouth + 0.07, pixel), glaze * 0.25)
    outline = union(union(wall, handle, 0.05), mouth)
    return Surface(outline, albedo, bevel=0.35, gloss=0.6)


def doughnut(x, y, pixel, rng) -> Surface:
    """Paint a ring with wavy icing and sprinkles; the hole is transparent."""
    radius = np.sqrt(x * x + y * y)
    turn = np.arctan2(y, x)
    body = np.abs(radius - 0.6) - 0.34
    dough = _colour(rng, (32, 0.55, 0.75))
    icing = _colour(
        rng,
        (335, 0.45, 0.9),
        (22, 0.65, 0.35),
        (48, 0.12, 0.95),
        (95, 0.35, 0.8),
    )
    wave = 0.05 * np.sin(7 * turn + rng.uniform(0, 6.3))
    top = np.abs(radius - 0.6) - 0.24 + wave
    albedo = _paint(_fill(x.shape, dough), coverage(top, pixel), icing)
    sprinkle = _colour(rng, (0, 0.7, 0.9), (50, 0.8, 0.95), (200, 0.7, 0.9))
    slots = (turn / (2 * np.pi) * 9 + rng.uniform(0, 1)) % 1.0 - 0.5
    ring = 0.6 + 0.1 * np.sign(np.sin(4.5 * turn))
    dots = np.sqrt((slots * 0.42) ** 2 + (radius - ring) ** 2) - 0.065
    albedo = _paint(albedo, coverage(dots, pixel), sprinkle)
    return Surface(body, albedo, bevel=0.34, gloss=0.45)


@dataclass(frozen=True)
class Kind:
    """One class of objects.

    Attributes:
        name: Name of the class; the folder in the ImageNet layout.
        painter: Function that draws it.
        size: Radius relative to the other classes (natural sizes differ).
        tilt: Largest rotation from upright, in degrees; 180 is any.
        colour: RGB 0 to 255 for visualised label maps.
    """

    name: str
    painter: Painter
    size: float
    tilt: float
    colour: tuple[int, int, int]


KINDS = (
    Kind('apple', apple, 0.95, 30, (200, 40, 40)),
    Kind('ball', ball, 1.0, 180, (60, 110, 220)),
    Kind('brick', brick, 1.15, 40, (150, 90, 60)),
    Kind('doughnut', doughnut, 1.0, 180, (240, 150, 190)),
    Kind('fish', fish, 1.15, 35, (60, 190, 200)),
    Kind('flower', flower, 0.95, 180, (170, 90, 220)),
    Kind('leaf', leaf, 1.15, 180, (70, 170, 60)),
    Kind('mug', mug, 1.0, 20, (240, 240, 230)),
    Kind('mushroom', mushroom, 1.05, 25, (230, 200, 120)),
    Kind('starfish', starfish, 1.15, 180, (250, 140, 40)),
)
CLASSES = tuple(kind.name for kind in KINDS)
