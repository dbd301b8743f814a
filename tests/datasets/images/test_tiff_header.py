"""Tags of a TIFF file."""

import io

import numpy as np
import pytest

from mixmae.datasets.images.image_headers import TIFF
from mixmae.datasets.images.tiff_header import (
    tiff_directories,
    tiff_kind,
)
from tests.datasets.picture_kinds import GREY, RGB, picture
from tests.datasets.tiff_files import tiff


def kind(data):
    return tiff_kind(io.BytesIO(data))


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('head_last', [False, True])
@pytest.mark.parametrize('bands', [1, 2, 12])
@pytest.mark.parametrize('dtype', ['u1', 'u2', 'i2', 'f4', 'f8'])
def test_bands_and_type(big, order, head_last, bands, dtype):
    pixels = np.zeros((5, 7, bands), dtype)
    data = tiff(pixels, GREY, big=big, order=order, head_last=head_last)
    assert data.startswith(TIFF)
    found = kind(data)
    number = {'u': 'uint', 'i': 'int', 'f': 'float'}[dtype[0]]
    assert (found.bands, found.bits, found.number) == (
        bands,
        8 * int(dtype[1]),
        number,
    )
    assert found.extra == bands - 1


@pytest.mark.parametrize(
    'extra, alpha, more',
    [
        (None, '', 1),
        ((0,), '', 1),
        ((1,), 'premultiplied', 0),
        ((2,), 'straight', 0),
        ((999,), '', 1),
    ],
)
def test_transparency(extra, alpha, more):
    found = kind(tiff(np.zeros((5, 7, 4), np.uint8), RGB, extra=extra))
    assert (found.alpha, found.extra) == (alpha, more)
    assert found.doubtful_alpha == (extra == (2,))


def test_alpha_among_two_extra_bands_is_an_extra_band():
    five = np.zeros((5, 7, 5), np.uint8)
    assert kind(tiff(five, RGB, extra=(2, 0))).extra == 2


def test_further_images():
    grey = picture()[..., 0]
    assert kind(tiff(grey, GREY)).obstacle == ''
    assert 'stack of 3' in kind(tiff(grey, GREY, pages=3)).obstacle
    # Reduced images and masks.
    for flag in (1, 4, 5):
        data = tiff(grey, GREY, pages=3, tags=[(254, flag)])
        assert 'preview or a mask' in kind(data).obstacle
    # A thumbnail need not be marked: it is smaller.
    thumb = tiff(grey[::2, ::2], GREY)
    data = bytearray(tiff(grey, GREY))
    link = data.index(b'\0\0\0\0', 8 + 2 + 12 * 12)
    at = len(data)
    assert at % 2 == 0
    data[link : link + 4] = (at).to_bytes(4, 'little')
    count = int.from_bytes(thumb[8:10], 'little')
    data += thumb[8 : 10 + 12 * count] + bytes(4)
    assert len(list(tiff_directories(io.BytesIO(bytes(data))))) == 2
    assert kind(bytes(data)).obstacle == ''


def test_cyclic_directories_end():
    data = bytearray(tiff(picture(), RGB))
    count = int.from_bytes(data[8:10], 'little')
    data[10 + 12 * count : 14 + 12 * count] = (8).to_bytes(4, 'little')
    assert len(list(tiff_directories(io.BytesIO(bytes(data))))) == 1


def test_every_truncation_and_flipped_byte_is_an_expected_error():
    """No exceptions other than those that callers expect."""
    data = tiff(picture()[:2, :3], RGB, extra=(0,))
    end = 8 + 2 + 12 * 16
    for at in range(end):
        for changed in (data[:at], data[:at] + b'\xff' + data[at + 1 :]):
            try:
                str(kind(changed))
            except (EOFError, KeyError, ValueError):
                continue
            except Exception as error:
                assert type(error).__name__ == 'error', at  # struct's
