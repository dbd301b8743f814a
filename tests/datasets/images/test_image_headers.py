"""Image formats, recognised by file headers."""

import io

import pytest

from mixmae.datasets.images.image_headers import declared_kind, undecoded
from tests.datasets.picture_kinds import read_kinds, refused_kinds


def kind(name, data):
    return declared_kind(io.BytesIO(data))


READ = {name: data for name, (data, *_) in read_kinds().items()}
# Bands, bits, transparency; Pillow's mode describes other formats.
DECLARED = {
    'grey.png': (1, 8, ''),
    'rgb.png': (3, 8, ''),
    'alpha.png': (4, 8, 'straight'),
    'grey-alpha.png': (2, 8, 'straight'),
    'palette.png': (1, 4, ''),
    'bit.png': (1, 1, ''),
    'grey-16.png': (1, 16, ''),
    'alpha-16.png': (4, 16, 'straight'),
    'rgb.jpg': None,
    'rgb.webp': None,
    'rgb.bmp': None,
    'palette.gif': None,
    'rgb.tif': (3, 8, ''),
    'premultiplied.tif': (4, 8, 'premultiplied'),
    'alpha.jp2': (4, 8, 'straight'),
    '12-bits.pgm': (1, 12, ''),
    '12-bits.ppm': (3, 12, ''),
    '16-bits.ppm': (3, 16, ''),
}


@pytest.mark.parametrize('name', DECLARED)
def test_kind(name):
    found = kind(name, READ[name])
    expected = DECLARED[name]
    if expected is None:
        assert found is None
    else:
        assert (found.bands, found.bits, found.alpha) == expected


def test_readable_files_are_not_reported_as_undecoded():
    """Except wide samples that Pillow would open."""
    for name, data in READ.items():
        text = undecoded(io.BytesIO(data))
        assert text == '' or '16-bit' in text, name


def test_kinds_that_pillow_refuses_are_named():
    names = [
        'many.tif', 'many-big.tif', 'double.tif', 'rgb-float.tif', 'raw.tif',
        '12-bits.jpg', 'lossless.jpg', 'heic.jpg', 'jxl.jpg',
    ]  # fmt: skip
    for name in names:
        data, words = refused_kinds()[name]
        assert words in undecoded(io.BytesIO(data))


@pytest.mark.parametrize(
    'data', [b'', b'<html>', bytes(500), b'%!PS-Adobe', b'P5', b'II*', b'MM']
)
def test_other_contents(data):
    assert declared_kind(io.BytesIO(data)) is None
    assert undecoded(io.BytesIO(data)) == ''
