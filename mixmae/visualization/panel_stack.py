"""Vertical stack of the panels of several networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw

from mixmae.visualization.reconstruction_panel import (
    BACKGROUND,
    INK,
    MARGIN,
    panel_font,
)

HEADING = 30


def stacked_panels(panels: Sequence[tuple[str, ndarray]]) -> ndarray:
    """Stack panels vertically, each under a heading.

    Args:
        panels: Heading and image, uint8 RGB (H, W, 3), of each panel.

    Returns:
        (H, W, 3) uint8 RGB image, as wide as the widest panel or heading.

    Raises:
        ValueError: There are no panels.
    """
    if not panels:
        raise ValueError('a stack needs at least one panel')
    font = panel_font(16)
    width = max(
        max(picture.shape[1], int(font.getlength(text)) + 2 * MARGIN)
        for text, picture in panels
    )
    height = sum(picture.shape[0] + HEADING for _, picture in panels)
    canvas = Image.new('RGB', (width, height), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    top = 0
    for text, picture in panels:
        draw.text((MARGIN, top + MARGIN - 2), text, INK, font)
        canvas.paste(Image.fromarray(picture), (0, top + HEADING))
        top += picture.shape[0] + HEADING
    return np.asarray(canvas)
