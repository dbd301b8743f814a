"""Images as text in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


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
