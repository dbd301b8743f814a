"""Conversion of decoded images to 8-bit RGB."""

import numpy as np
import pytest

from mixmae.datasets.images.pixel_conversion import composite, scaled


@pytest.mark.parametrize('low, high', [(0, 65535), (0, 4095), (-7, 300.5)])
@pytest.mark.parametrize('dtype', ['u2', 'i2', 'u4', 'f4', '>u2'])
def test_scaling_is_linear_monotone_and_clipped(low, high, dtype):
    values = np.linspace(0, 30000, 997).astype(dtype)
    found = scaled(values, low, high)
    exact = (values.astype(float) - low) * 255 / (high - low)
    assert found.dtype == np.uint8
    assert np.abs(found - exact.clip(0, 255)).max() <= 0.5 + 1e-9
    assert (np.diff(found.astype(int)) >= 0).all()


def test_lookup_tables_equal_arithmetic():
    values = np.arange(65536)
    table = scaled(values.astype(np.uint16), 5, 4095)
    assert (table == scaled(values.astype(np.int32), 5, 4095)).all()


def test_composite():
    pixels = np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0, 0.5, 1]])
    straight = composite(pixels, alpha, 'straight', (0, 100, 255))
    assert straight[0].tolist() == [[0, 100, 255], [100, 150, 228], [200] * 3]
    colours = np.round(pixels * alpha[..., None]).astype(np.uint8)
    other = composite(colours, alpha, 'premultiplied', (0, 100, 255))
    assert (other == straight).all()
