"""Deterministic renderer of scene number i of a split."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from mixmae.datasets.scenes.lighting import (
    Light,
    draw_background,
    draw_light,
    shade,
    shadow,
)
from mixmae.datasets.scenes.objects import KINDS
from mixmae.datasets.scenes.scene import Instance, Scene
from mixmae.datasets.scenes.signed_distances import coverage

# The dominant object covers at least this multiple of the visible pixels of
# any other, so that the class of the image is unambiguous.
DOMINANCE = 1.5
LEAST_VISIBLE = 0.55
ATTEMPTS = 8
# Rendering needs some hundred bytes for each pixel.
MAX_SIDE = 4096


@dataclass(frozen=True)
class Placement:
    """Position and pose of one object.

    Attributes:
        label: Index into ``KINDS``.
        x, y: Centre, 0 to 1 across the image.
        radius: In units of the image's shorter side.
        angle: Rotation in radians.
        squash: (2,) foreshortening of its axes by pose, 0 to 1; negative x
            flips it horizontally.
        seed: Seed of its painter's generator.
    """

    label: int
    x: float
    y: float
    radius: float
    angle: float
    squash: tuple[float, float]
    seed: int


class SceneRenderer:
    """Renderer of synthetic scenes for pretraining, detection, segmentation.

    Each scene shows one dominant object among smaller ones, in front of and
    behind it, under a coloured lamp on a smooth background. Scene ``i``
    depends only on ``(seed, split, i)``, not on other scenes and, up to
    sampling, not on the size. Dominant classes alternate: scene ``i`` has
    class ``i % len(CLASSES)``.

    Output is byte-identical for equal versions of numpy and OpenCV on equal
    processors; elsewhere pixels may differ by rounding.

    Args:
        size: Side of the image, or (height, width), in pixels, 16 to 4096.
        seed: Any non-negative integer.
        split: Name of the split; each has its own scenes.

    Raises:
        ValueError: The size is out of range or the seed is negative.
    """

    def __init__(
        self,
        size: int | tuple[int, int] = 64,
        seed: int = 0,
        split: str = 'train',
    ) -> None:
        self.height, self.width = (
            (size, size) if isinstance(size, int) else size
        )
        if min(self.height, self.width) < 16:
            raise ValueError(f'size must be at least 16 pixels, got {size}')
        if max(self.height, self.width) > MAX_SIDE:
            raise ValueError(
                f'size must be at most {MAX_SIDE} pixels, got {size}'
            )
        if seed < 0:
            raise ValueError(f'seed must be 0 or more, got {seed}')
        self.seed = seed
        self.split = split

    def render(self, index: int) -> Scene:
        """Render scene ``index`` (0 or more) of the split."""
        if index < 0:
            raise ValueError(f'index must be 0 or more, got {index}')
        rng = np.random.default_rng(
            [self.seed, zlib.crc32(self.split.encode()), index]
        )
        light = draw_light(rng)
        background_seed = int(rng.integers(2**31))
        label = index % len(KINDS)
        for attempt in range(ATTEMPTS):
            placements, dominant = _arrange(label, rng)
            if attempt == ATTEMPTS - 1:
                # Rare; the dominant object alone is always valid.
                placements, dominant = [placements[dominant]], 0
            backdrop = draw_background(
                self.height,
                self.width,
                np.random.default_rng(background_seed),
            )
            image, owner, areas = self._compose(backdrop, placements, light)
            seen = np.bincount(owner.ravel() + 1, minlength=len(areas) + 1)[1:]
            others = np.delete(seen, dominant)
            clear = seen[dominant] >= LEAST_VISIBLE * areas[dominant] and (
                others.size == 0 or seen[dominant] >= DOMINANCE * others.max()
            )
            if clear:
                break
        instances = tuple(
            Instance(
                placement.label,
                owner == number,
                float(seen[number] / areas[number]),
            )
            for number, placement in enumerate(placements)
            if seen[number]
        )
        pixels = np.clip(image * light.tint, 0.0, 1.0) * 255.0 + 0.5
        return Scene(pixels.astype(np.uint8), instances, label)

    def _compose(
        self, image: ndarray, placements: list[Placement], light: Light
    ) -> tuple[ndarray, ndarray, ndarray]:
        """Paint objects from back to front.

        Returns:
            image: (H, W, 3) float RGB.
            owner: (H, W) int, index of the foremost object, -1 is background.
            areas: (N,) int, pixels of each object, visible or occluded.
        """
        owner = np.full(image.shape[:2], -1, dtype=np.int64)
        areas = np.zeros(len(placements), dtype=np.int64)
        for number, placement in enumerate(placements):
            window, x, y, pixel = self._frame(placement)
            rng = np.random.default_rng(placement.seed)
            surface = KINDS[placement.label].painter(x, y, pixel, rng)
            dark = shadow(surface.distance, light, 1 / pixel)[..., None]
            opacity = coverage(surface.distance, pixel)
            colour = shade(surface, light)
            patch = image[window] * (1 - dark)
            patch += opacity[..., None] * (colour - patch)
            image[window] = patch
            inside = opacity >= 0.5
            owner[window][inside] = number
            areas[number] = inside.sum()
        return image, owner, np.maximum(areas, 1)

    def _frame(
        self, placement: Placement
    ) -> tuple[tuple[slice, slice], ndarray, ndarray, float]:
        """Return the window that an object covers and its coordinates there.

        Returns:
            window: Rows and columns of the image, including the shadow.
            x, y: (h, w) float32 coordinates in the object's frame.
            pixel: Width of a pixel in that frame.
        """
        radius = placement.radius * min(self.height, self.width)
        centre_x = placement.x * self.width
        centre_y = placement.y * self.height
        reach = 1.35 * radius + 2
        top = int(max(0, centre_y - reach))
        left = int(max(0, centre_x - reach))
        bottom = int(min(self.height, centre_y + reach + 1))
        right = int(min(self.width, centre_x + reach + 1))
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
        dx = (columns + 0.5 - centre_x) / radius
        dy = (rows + 0.5 - centre_y) / radius
        cosine, sine = np.cos(placement.angle), np.sin(placement.angle)
        squash_x, squash_y = placement.squash
        x = (cosine * dx + sine * dy) / squash_x
        y = (cosine * dy - sine * dx) / squash_y
        window = (slice(top, bottom), slice(left, right))
        pixel = 1.0 / (radius * np.sqrt(abs(squash_x) * squash_y))
        return (
            window,
            x.astype(np.float32),
            y.astype(np.float32),
            float(pixel),
        )


def _arrange(
    label: int, rng: np.random.Generator
) -> tuple[list[Placement], int]:
    """Draw placements from back to front, and the dominant one's index."""
    main = _place(label, rng, radius=(0.28, 0.4), margin=0.36)
    behind = [_extra(rng) for _ in range(rng.integers(1, 4))]
    in_front = [_extra(rng) for _ in range(rng.integers(0, 3))]
    return [*behind, main, *in_front], len(behind)


def _extra(rng: np.random.Generator) -> Placement:
    label = int(rng.integers(len(KINDS)))
    return _place(label, rng, radius=(0.09, 0.17), margin=0.04)


def _place(
    label: int,
    rng: np.random.Generator,
    radius: tuple[float, float],
    margin: float,
) -> Placement:
    kind = KINDS[label]
    tilt = np.deg2rad(kind.tilt)
    mirror = 1 if rng.random() < 0.5 else -1
    return Placement(
        label=label,
        x=rng.uniform(margin, 1 - margin),
        y=rng.uniform(margin, 1 - margin),
        radius=kind.size * rng.uniform(*radius),
        angle=rng.uniform(-tilt, tilt),
        squash=(mirror * rng.uniform(0.7, 1.0), rng.uniform(0.78, 1.0)),
        seed=int(rng.integers(2**31)),
    )
