"""Generated images with the spectrum of photographs."""

import numpy as np


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
