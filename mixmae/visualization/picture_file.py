"""PNG files of pictures."""

from __future__ import annotations

import os

import cv2
from numpy import ndarray

from mixmae.fileio.atomic_write import atomic_write


def write_png(path: str | os.PathLike, picture: ndarray) -> None:
    """Write a picture, (H, W, 3) uint8 RGB, atomically."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    with atomic_write(path) as partial:
        partial.write_bytes(cv2.imencode('.png', bgr)[1].tobytes())
