"""Pictures with the spectrum of photographs, and what a JPEG makes of them."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 RGB (height, width, 3): amplitudes of 1/f, some hard edges."""
    generator = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    slope = 1 / np.maximum(np.hypot(y[:, None], x[None]), 1 / 256) ** 1.3
    # Brightness varies more than colour does.
    planes = []
    for share in (1.0, 0.3, 0.3):
        noise = np.fft.rfft2(generator.standard_normal((height, width)))
        plane = np.fft.irfft2(noise * slope, (height, width))
        planes.append(share * (plane - plane.mean()) / (plane.std() + 1e-9))
    light, red, blue = planes
    pixels = np.stack([light + red, light, light + blue], axis=2) * 45 + 120
    for _ in range(6):
        top = generator.integers(height)
        left = generator.integers(width)
        part = pixels[top : top + height // 4, left : left + width // 5]
        part += generator.uniform(-70, 70, 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)


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
