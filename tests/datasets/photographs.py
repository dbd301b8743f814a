"""What a JPEG makes of pictures that are like photographs."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photographs import photograph

__all__ = ['jpeg', 'photograph', 'psnr', 'turned', 'write_jpeg']


def jpeg(pixels: np.ndarray, mode: str = 'RGB', **options: object) -> bytes:
    """Encoded by Pillow, with quality 90 unless another is given."""
    file = io.BytesIO()
    image = Image.fromarray(pixels).convert(mode)
    image.save(file, 'JPEG', **{'quality': 90, **options})
    return file.getvalue()


def write_jpeg(path: Path, *args: object, **options: object) -> Path:
    """A file of ``jpeg``."""
    path.write_bytes(jpeg(*args, **options))
    return path


def turned(orientation: int) -> Image.Exif:
    """EXIF data that ask for one of the eight orientations."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    """In dB, of two uint8 images of one shape."""
    assert found.shape == wanted.shape
    error = np.square(found.astype(float) - wanted.astype(float)).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
