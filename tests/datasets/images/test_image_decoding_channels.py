"""Image files of one, four and twelve bands."""

import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ImageLimits, read_image
from tests.datasets.picture_kinds import (
    GREY,
    RGB,
    encoded,
    npy,
    picture,
    png,
    with_band,
)
from tests.datasets.tiff_files import tiff


def read(data, limits=None, **settings):
    """Return the pixels; warnings fail."""
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return read_image(
            'a.png',
            limits or ImageLimits(),
            content=data,
            decoding=ImageDecoding(**settings),
        ).pixels


def bands(count, dtype=np.uint16, top=4095):
    """Return (H, W, count) pixels; all bands differ."""
    ramp = picture(1000, np.float64)[..., 0] / 1000
    stack = [
        np.roll(ramp, i * 7, axis=1) * top / (i + 1) for i in range(count)
    ]
    return np.stack(stack, 2).astype(dtype)


TIFF_FORMS = [
    {},
    {'planar': True},
    {'order': '>'},
    {'big': True},
    {'compressed': True},
    {'order': '>', 'compressed': True},
    {'head_last': True},
]


@pytest.mark.parametrize('count', [2, 4, 12])
@pytest.mark.parametrize('form', TIFF_FORMS, ids=str)
@pytest.mark.parametrize('dtype', ['u1', 'u2', 'i2', 'f4'])
def test_bands_of_a_tiff(count, form, dtype):
    values = bands(count, dtype, 100)
    found = read(
        tiff(values, GREY, **form), channels=count, value_range=(0, 255)
    )
    assert found.dtype == np.float32
    assert (found == values.astype(np.float32)).all()


@pytest.mark.parametrize('count', [2, 4, 12])
def test_bands_of_an_array(count):
    values = bands(count, top=255)
    for stored in (values, np.moveaxis(values, 2, 0)):
        found = read(npy(stored), channels=count, value_range=(0, 255))
        assert (found == values).all()


def test_pages_of_a_stack_are_bands_if_their_number_fits():
    grey = bands(1)
    data = tiff(grey, GREY, pages=4)
    found = read(data, channels=4, value_range=(0, 4095))
    assert found.shape[2] == 4 and (found == found[..., :1]).all()
    for channels in (1, 3, 5):
        with pytest.raises(CorruptImageError, match='stack of 4 images'):
            read(data, channels=channels, value_range=(0, 4095))


@pytest.mark.parametrize('extra', [None, (0,), (1,), (2,)])
def test_a_fourth_band_is_a_channel_whatever_its_mark(extra):
    four = with_band(picture())
    found = read(tiff(four, RGB, extra=extra), channels=4)
    assert found.dtype == np.uint8 and (found == four).all()


def test_bands_of_a_png():
    four = with_band(picture())
    assert (read(encoded(four, 'PNG'), channels=4) == four).all()
    assert (
        read(encoded(four[..., 2:], 'PNG'), channels=2) == four[..., 2:]
    ).all()
    wide = bands(4, top=255)
    found = read(png(wide, 6), channels=4, value_range=(0, 255))
    assert (found == wide).all()
    found = read(png(wide[..., :2], 4), channels=2, value_range=(0, 255))
    assert (found == wide[..., :2]).all()


def test_one_channel_is_luma():
    colours = picture()
    grey = np.asarray(Image.fromarray(colours).convert('L'))
    for data in (encoded(colours, 'PNG'), tiff(colours, RGB)):
        assert (read(data, channels=1)[..., 0] == grey).all()
    assert (read(tiff(grey, GREY), channels=1)[..., 0] == grey).all()
    photo = encoded(grey, 'JPEG')
    expected = np.asarray(Image.fromarray(read(photo)[..., 0]))
    assert (read(photo, channels=1)[..., 0] == expected).all()
    wide = tiff(colours.astype(np.uint16) * 16, RGB)
    found = read(wide, channels=1, value_range=(0, 4080))
    np.testing.assert_allclose(found[..., 0], grey, atol=1)


@pytest.mark.parametrize('count', [1, 3, 5])
def test_another_number_of_bands_is_refused(count):
    data = tiff(bands(count), GREY)
    with pytest.raises(CorruptImageError, match='in_channels is 4'):
        read(data, channels=4, value_range=(0, 4095))


def test_equal_values_give_equal_grey_in_all_images():
    """12 bits in files of 16, whatever else the image contains."""
    greys = set()
    for others in (0, 1, 2000, 4095):
        values = np.full((8, 8), others, np.uint16)
        values[2, 3] = 1234
        for data in (
            encoded(values, 'PNG'),
            tiff(values, GREY),
            tiff(values, GREY, order='>', compressed=True),
            npy(values),
            npy(values.astype('f4')),
        ):
            found = read(data, channels=1, value_range=(0, 4095))
            greys.add(found[2, 3, 0].item())
    assert greys == {np.float32(1234 * 255 / 4095).item()}


def refused(data, cause, **settings):
    """Assert that the bytes are refused and need little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CorruptImageError) as caught:
            read(data, **{'value_range': (0, 1), **settings})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.cause == cause, str(caught.value)
    assert peak < 32_000_000
    assert '\n' not in str(caught.value)


SMALL = np.zeros((4, 4, 5), np.uint16)


@pytest.mark.parametrize(
    'tags, cause',
    [
        ([(256, 60000), (257, 60000)], 'too large'),
        ([(278, 60000), (257, 40000)], 'truncated'),
        ([(279, 60000)], 'truncated'),
        ([(273, 60000)], 'truncated'),
    ],
)
def test_tiff_sizes_are_checked_before_decoding(tags, cause):
    refused(tiff(SMALL, GREY, tags=tags), cause, channels=5)


def test_a_tiff_with_tiles_of_many_bytes():
    data = tiff(
        SMALL, GREY, tags=[(322, 60000), (323, 60000), (324, 400), (325, 160)]
    )
    refused(data, 'too large', channels=5)


def test_a_tiff_of_many_bands():
    data = bytearray(tiff(SMALL, GREY))
    at = data.index(struct.pack('<HHL', 277, 3, 1)) + 8
    data[at : at + 2] = struct.pack('<H', 60000)
    refused(bytes(data), 'unsupported', channels=5)
    for channels in (1023, 1024):
        settings = {'channels': channels}
        with pytest.raises(CorruptImageError):
            read(bytes(data), **settings)
    with pytest.raises(ValueError, match='from 1 to 1024'):
        ImageDecoding(channels=60000)


def test_a_tiff_that_inflates_to_more_than_it_declares():
    data = tiff(SMALL, GREY, compressed=True)
    samples = zlib.compress(SMALL.tobytes())
    bomb = zlib.compress(bytes(100_000_000), 9)
    at = data.index(samples)
    offset = struct.pack('<L', len(samples))
    count_at = data.index(struct.pack('<HHL', 279, 4, 1)) + 8
    assert data[count_at : count_at + 4] == offset
    changed = data[:count_at] + struct.pack('<L', len(bomb))
    changed += data[count_at + 4 : at] + bomb
    refused(changed, 'damaged', channels=5)


def header(shape, descr="'<u2'", fortran='False'):
    text = (
        f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}"
    )
    body = text.encode().ljust(118) + b'\n'
    return b'\x93NUMPY\x01\0' + struct.pack('<H', len(body)) + body


@pytest.mark.parametrize(
    'data, cause',
    [
        (header('(60000, 60000)'), 'too large'),
        (header('(100, 2000)'), 'truncated'),
        (header('(10, 20)') + bytes(399), 'truncated'),
        (header('(4, -4)'), 'damaged'),
        (header('(4, 0)'), 'damaged'),
        (header('(4, 4)', "'|O'") + bytes(400), 'damaged'),
        (header('(4, 4)', "[('a', '<u2')]") + bytes(400), 'unsupported'),
        (header('(4, 4)', "'<c16'") + bytes(400), 'unsupported'),
        (header('(4,)') + bytes(400), 'unsupported'),
        (header('(4, 4'), 'damaged'),
        (b'\x93NUMPY\x09\0' + bytes(400), 'damaged'),
        (b'\x93NUMPY', 'damaged'),
    ],
)
def test_array_headers_are_checked_before_reading(data, cause):
    refused(data, cause, channels=1)


def test_max_pixels_for_large_images():
    data = npy(np.zeros((200, 300), np.uint16))
    with pytest.raises(CorruptImageError, match='max_pixels'):
        read(data, ImageLimits(max_pixels=59_999), value_range=(0, 1))
    found = read(data, ImageLimits(max_pixels=60_000), value_range=(0, 1))
    assert found.shape == (200, 300, 3)


@pytest.mark.parametrize('form', TIFF_FORMS, ids=str)
def test_every_truncation_and_flipped_byte_is_a_corrupt_file(form):
    """Or an image of this size; no unexpected exceptions."""
    data = tiff(SMALL, GREY, **form)
    for at in range(0, len(data), 3):
        for changed in (data[:at], data[:at] + b'\xff' + data[at + 1 :]):
            try:
                found = read(changed, channels=5, value_range=(0, 1))
            except CorruptImageError:
                continue
            except UserWarning:
                continue
            assert found.nbytes < 10_000_000
