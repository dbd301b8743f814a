"""JPEG files of photograph-like images."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photographs import photograph

__all__ = ['jpeg', 'photograph', 'psnr', 'turned', 'write_jpeg']


def jpeg(pixels: np.ndarray, mode: str = 'RGB', **options: object) -> bytes:
    """Return an image encoded by Pillow, with quality 90 by default."""
    file = io.BytesIO()
    image = Image.fromarray(pixels).convert(mode)
    image.save(file, 'JPEG', **{'quality': 90, **options})
    return file.getvalue()


def write_jpeg(path: Path, *args: object, **options: object) -> Path:
    """Write a file with the content of ``jpeg``."""
    path.write_bytes(jpeg(*args, **options))
    return path


def turned(orientation: int) -> Image.Exif:
    """Return EXIF data with one of the eight orientations."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the PSNR in dB of two uint8 images of one shape."""
    assert found.shape == wanted.shape
    error = np.square(found.astype(float) - wanted.astype(float)).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
