"""Pictures: bands drawn as RGB, colours of classes, PNG and embedded files."""

from __future__ import annotations

import base64
import colorsys
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy import ndarray
from PIL import Image
from torch import Tensor

from mixmae.fileio.atomic_write import atomic_write


def shown_bands(
    channels: int, bands: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return the three channels that are drawn as red, green and blue.

    Args:
        channels: Number of channels of the images.
        bands: One channel, for grey, or three, from 0; None = the first
            three, or the first of two.

    Raises:
        ValueError: There are no such channels.
    """
    if bands is None:
        bands = range(3) if channels >= 3 else range(1)
    if len(bands) not in (1, 3) or not all(0 <= b < channels for b in bands):
        raise ValueError(
            f'bands must be one or three channels from 0 to {channels - 1}, '
            f'got {tuple(bands)}'
        )
    return tuple(bands) if len(bands) == 3 else (bands[0],) * 3


def loaded_pixels(image: Tensor) -> np.ndarray:
    """Return the picture of an image as data sets load it.

    Args:
        image: (channels, H, W), 0 to 255; BGR of three channels.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if len(image) == 3:
        image = image.flip(0)
    colours = image[list(shown_bands(len(image)))].permute(1, 2, 0)
    return colours.clamp(0, 255).to(torch.uint8).cpu().numpy()


def write_png(path: str | os.PathLike, picture: ndarray) -> None:
    """Write a picture, (H, W, 3) uint8 RGB, atomically."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    with atomic_write(path) as partial:
        partial.write_bytes(cv2.imencode('.png', bgr)[1].tobytes())


def embedded_image(
    pixels: np.ndarray, longest: int | None = None, quality: int = 82
) -> str:
    """Return an image as a ``data:`` address.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        longest: Larger images are reduced to this longest side in pixels.
        quality: JPEG quality, 1 to 95.
    """
    picture = Image.fromarray(pixels)
    if longest is not None and max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return embedded_picture(picture, quality)


def embedded_picture(picture: Image.Image, quality: int = 82) -> str:
    """Return a Pillow image as a ``data:`` address of a JPEG file."""
    file = io.BytesIO()
    picture.save(file, 'JPEG', quality=quality, subsampling=0)
    text = base64.b64encode(file.getvalue()).decode('ascii')
    return f'data:image/jpeg;base64,{text}'


def sprite(thumbnails: list[np.ndarray], side: int, columns: int) -> str:
    """Return one image of square thumbnails, row by row.

    Args:
        thumbnails: (H, W, 3) uint8 RGB images of any size.
        side: Side of a thumbnail in pixels; longer sides are cropped.
        columns: Thumbnails in a row.
    """
    rows = -(-len(thumbnails) // columns)
    canvas = Image.new('RGB', (columns * side, max(rows, 1) * side))
    for number, pixels in enumerate(thumbnails):
        picture = Image.fromarray(pixels)
        short = min(picture.size)
        left = (picture.width - short) // 2
        top = (picture.height - short) // 2
        square = picture.crop((left, top, left + short, top + short))
        small = square.resize((side, side), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        canvas.paste(small, (column * side, row * side))
    return embedded_picture(canvas, quality=80)


# Of a label map of 8 bits.
MOST = 256
GOLDEN = 0.618
VALUES = (0.95, 0.65, 0.8)


def class_hues(count: int) -> list[tuple[int, int, int]]:
    """Return RGB colours of classes without recorded ones.

    Neighbouring ones differ in hue by the golden angle.
    """
    found = []
    for k in range(count):
        value = VALUES[k // 8 % len(VALUES)]
        colour = colorsys.hsv_to_rgb(GOLDEN * k % 1, 0.75, value)
        red, green, blue = (round(255 * part) for part in colour)
        found.append((red, green, blue))
    return found


def class_colours(meta: Mapping[str, Any]) -> ndarray:
    """Return the colours of classes by label, (256, 3) uint8 RGB.

    Args:
        meta: Meta information of a data set. Its ``palette`` is used if it
            has a colour for each of its ``classes``: data sets inherit the
            palette of COCO with its classes.

    Raises:
        ValueError: The palette is not rows of three numbers.
    """
    colours = np.asarray(class_hues(MOST), np.uint8)
    palette, classes = meta.get('palette'), meta.get('classes') or ()
    if isinstance(palette, (list, tuple)) and len(palette) == len(classes):
        recorded = np.asarray(palette[:MOST], float).reshape(-1, 3)
        colours[: len(recorded)] = recorded.clip(0, 255)
    return colours


def blended(image: ndarray, colours: ndarray) -> ndarray:
    """Return the mean of an image and colours, uint8."""
    return ((image + colours.astype(float)) / 2).round().astype(np.uint8)


def with_masks(
    image: ndarray, masks: Iterable[Any], colours: Iterable[ndarray]
) -> ndarray:
    """Return an image with masks of objects (H, W), the last one on top."""
    drawn = image.copy()
    for mask, colour in zip(masks, colours):
        inside = np.asarray(mask).astype(bool)
        drawn[inside] = blended(image[inside], colour)
    return drawn


def box_shares(corners: ndarray, image: ndarray) -> list[float]:
    """Return left, top, width and height of a box as shares of an image."""
    height, width = image.shape[:2]
    left, top, right, bottom = map(float, corners)
    return [
        left / width,
        top / height,
        (right - left) / width,
        (bottom - top) / height,
    ]


def hex_colour(colour: ndarray) -> str:
    """Return an RGB colour as text for a page."""
    return '#' + bytes(colour).hex()
