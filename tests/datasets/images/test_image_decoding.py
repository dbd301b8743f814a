"""Conversion of every kind of file to RGB by its declared type."""

import warnings

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import read_image
from tests.datasets.picture_kinds import (
    GREY,
    HEIGHT,
    RGB,
    WIDTH,
    encoded,
    picture,
    read_kinds,
    refused_kinds,
    with_band,
)
from tests.datasets.tiff_files import tiff

READ, REFUSED = read_kinds(), refused_kinds()


def read(data, **settings):
    """Return the pixels and the warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        found = read_image(
            'a.png', content=data, decoding=ImageDecoding(**settings)
        )
    return found, [str(one.message) for one in said]


@pytest.mark.parametrize('name', READ)
def test_files_are_read_as_declared(name):
    data, expected, distance = READ[name]
    pixels = read(data)[0].pixels
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= distance


@pytest.mark.parametrize('name', REFUSED)
def test_lossy_conversions_are_refused(name):
    data, words = REFUSED[name]
    with pytest.raises(CorruptImageError) as caught:
        read(data)
    assert caught.value.cause == 'unsupported'
    text = str(caught.value)
    assert words in text and '\n' not in text
    # Advice in the message.
    assert 'convert' in text
    # Equal for all files of a kind: no values in it.
    assert caught.value.kind in text and 'values' not in caught.value.kind


@pytest.mark.parametrize(
    'data',
    [
        tiff(picture(4095, np.uint16), RGB),
        tiff(picture(4095, np.uint16)[..., 0], GREY),
        encoded(picture(4095, np.uint16)[..., 0], 'PNG'),
    ],
)
def test_16_bits_warn_with_the_values_found(data):
    found, said = read(data)
    assert len(said) == 1 and '0..4095' in said[0] and '65535' in said[0]
    assert 'value_range' in said[0] and found.values == (0, 4095)
    assert found.pixels.max() == 16
    scaled, said = read(data, value_range=(0, 4095))
    # All 768 different values are kept.
    assert not said and len(np.unique(scaled.pixels)) == HEIGHT * WIDTH
    expected = picture(4095, np.uint16) * (255 / 4095)
    if scaled.kind.bands == 1:
        expected = np.repeat(expected[..., :1], 3, 2)
    assert scaled.pixels.dtype == np.float32
    np.testing.assert_allclose(scaled.pixels, expected, rtol=1e-5)
    confirmed, said = read(data, value_range=(0, 65535))
    assert not said and (np.round(confirmed.pixels) == found.pixels).all()


def test_the_warning_is_shown_once_whatever_the_files():
    """Python shows a warning once per text, which must be constant."""
    data = [
        encoded(np.full((8, 8), value, np.uint16), 'PNG')
        for value in range(2048, 4096, 100)
    ]
    assert len({read(one)[1][0] for one in data}) == 1


@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize(
    'dtype', ['i1', 'i2', 'i4', 'u4', 'f4', 'u2', 'f2', 'f8']
)
def test_a_value_range_applies_to_every_type(dtype, order, compressed):
    """Equal values give equal pixels, whatever type stores them."""
    values = picture(100, dtype)[..., 0]
    data = tiff(values, GREY, order=order, compressed=compressed)
    found, said = read(data, value_range=(0, 100))
    expected = np.float32(values.astype(float) * 255 / 100)
    assert (found.pixels == expected[..., None]).all() and not said
    assert found.values == (0, 100) and found.clipped == 0


def test_values_outside_the_range_are_clipped_and_counted():
    values = np.array([[-10, 0, 50, 100, 200, 300, np.nan, np.inf]], 'f4')
    found, said = read(tiff(values, GREY), value_range=(0, 200))
    expected = [0, 0, 63.75, 127.5, 255, 255, 0, 255]
    assert found.pixels[0, :, 0].tolist() == expected
    assert found.clipped == pytest.approx(4 / 8)
    assert found.values == (-10, 300)
    assert len(said) == 1 and '(0, 200)' in said[0]


def test_eight_bits_have_no_value_range():
    data = encoded(picture(), 'PNG')
    assert (read(data, value_range=(0, 9))[0].pixels == picture()).all()


def test_all_images_of_a_type_have_one_scale():
    """Scaling by pixel values would brighten the darker image."""
    dark, light = (picture(top, np.uint16)[..., 0] for top in (99, 60000))
    both = np.concatenate([dark, light])
    for encode in (lambda a: encoded(a, 'PNG'), lambda a: tiff(a, GREY)):
        parts = [read(encode(one))[0].pixels for one in (dark, light)]
        whole = read(encode(both))[0].pixels
        assert (np.concatenate(parts) == whole).all()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_use_of_a_fourth_band(dtype):
    top = np.iinfo(dtype).max
    four = with_band(picture(top, dtype))
    colours = picture()
    for extra in (None, (0,), (1,), (2,)):
        data = tiff(four, RGB, extra=extra)
        if extra == (1,) and dtype is np.uint8:
            # Pillow divides by the alpha.
            continue
        found = read(data, extra_band='drop', value_range=(0, top))[0]
        assert (np.round(found.pixels) == colours).all()
    declared, said = read(tiff(four, RGB, extra=(2,)), value_range=(0, top))
    assert len(said) == 1 and '4 bands' in said[0] and 'extra_band' in said[0]
    for extra in (None, (2,)):
        found, said = read(
            tiff(four, RGB, extra=extra),
            extra_band='alpha',
            value_range=(0, top),
        )
        assert not said and (found.pixels == declared.pixels).all()
    assert not (declared.pixels == colours).all()
    with pytest.raises(CorruptImageError, match='marked as unspecified'):
        read(tiff(four, RGB, extra=(0,)), extra_band='alpha')


def test_declared_transparency_can_be_dropped():
    four = with_band(picture())
    for kind, options in (('PNG', {}), ('WEBP', {'lossless': True})):
        data = encoded(four, kind, **options, **(
            {'exact': True} if kind == 'WEBP' else {}
        ))  # fmt: skip
        found = read(data, extra_band='drop')[0].pixels
        assert (found == picture()).all()
    palette = Image.fromarray(picture()).quantize(8)
    data = encoded(palette, 'PNG', transparency=2)
    found, said = read(data, extra_band='drop')
    assert (found.pixels == np.asarray(palette.convert('RGB'))).all()
    assert not said


def test_a_transparent_colour_of_16_bits():
    grey = picture(65535, np.uint16)[..., 0]
    image = Image.fromarray(grey)
    found, _ = read(encoded(image, 'PNG', transparency=int(grey[3, 4])))
    clear = grey == grey[3, 4]
    assert (found.pixels[clear] == 255).all() and found.transparent
    plain = read(encoded(image, 'PNG'))[0].pixels
    assert (found.pixels[~clear] == plain[~clear]).all()


def test_background():
    data = encoded(np.zeros((2, 2, 4), np.uint8), 'PNG')
    found = read(data, background=[1, 2, 3])[0]
    assert (found.pixels == [1, 2, 3]).all()


@pytest.mark.parametrize(
    'settings, words',
    [
        ({'value_range': (5, 5)}, r'value_range must .* got \(5, 5\)'),
        ({'value_range': (5,)}, 'value_range must'),
        ({'value_range': 4095}, 'value_range must'),
        ({'value_range': 'ab'}, 'value_range must'),
        ({'value_range': (0, float('inf'))}, 'value_range must'),
        ({'extra_band': 'nir'}, "None, 'alpha' or 'drop', got 'nir'"),
        ({'background': (0, 0)}, 'background must be three'),
        ({'background': (0, 0, 256)}, 'background must be three'),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        ImageDecoding(**settings)
