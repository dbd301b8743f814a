"""JPEG headers, and which files the fast decoder accepts."""

import io

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.images.jpeg_decoder import (
    read_jpeg_header,
    unsupported_frame,
)
from tests.datasets.photographs import jpeg, photograph, turned

PICTURE = photograph(40, 56)


@pytest.mark.parametrize('mode', ['RGB', 'L'])
@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('subsampling', [0, 1, 2])
def test_usual_files(mode, progressive, subsampling):
    data = jpeg(
        PICTURE, mode, progressive=progressive, subsampling=subsampling
    )
    header = read_jpeg_header(data)
    assert (header.height, header.width) == (40, 56)
    assert header.baseline is not progressive
    at = header.height_at
    assert int.from_bytes(data[at : at + 2], 'big') == 40
    assert read_jpeg_header(memoryview(data)) == header


def test_large_sizes_have_two_bytes():
    data = jpeg(np.zeros((300, 1000, 3), np.uint8))
    assert read_jpeg_header(data)[:2] == (300, 1000)


def test_other_formats():
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, 'PNG')
    for data in (file.getvalue(), b'', b'\xff', b'\xff\xd8\xff', bytes(99)):
        assert read_jpeg_header(data) is None


def test_cmyk_is_left_to_pillow():
    assert read_jpeg_header(jpeg(PICTURE, 'CMYK')) is None


@pytest.mark.parametrize('orientation', range(1, 9))
def test_rotated_files_are_left_to_pillow(orientation):
    data = jpeg(PICTURE, exif=turned(orientation))
    assert (read_jpeg_header(data) is None) == (orientation != 1)


def test_exif_data_that_is_unreadable():
    data = jpeg(PICTURE, exif=b'Exif\x00\x00' + bytes(range(60)))
    assert read_jpeg_header(data) is None


def test_other_exif_data_is_ignored():
    exif = Image.Exif()
    exif[0x010E] = 'a picture'
    assert read_jpeg_header(jpeg(PICTURE, exif=exif))[:2] == (40, 56)


@pytest.mark.parametrize(
    ('xmp', 'usual'),
    [(b'<x tiff:Orientation="6"/>', False), (b'<x by="someone"/>', True)],
)
def test_xmp_data_may_declare_an_orientation(xmp, usual):
    data = jpeg(PICTURE, xmp=xmp)
    assert (read_jpeg_header(data) is not None) == usual
    # Pillow applies it.
    with Image.open(io.BytesIO(data)) as image:
        assert (image.getexif().get(0x0112, 1) == 1) == usual


def changed(offset: int, value: int) -> bytes:
    """Return a file with one byte of its frame header changed."""
    data = bytearray(jpeg(PICTURE))
    data[read_jpeg_header(data).height_at + offset] = value
    return bytes(data)


def test_frames_of_other_kinds():
    for offset, value in ((-1, 12), (4, 2), (-4, 0xC9), (-4, 0xC3)):
        assert read_jpeg_header(changed(offset, value)) is None
    # Declared after the pixels.
    assert read_jpeg_header(changed(1, 0)) is None
    assert read_jpeg_header(changed(1, 41)).height == 41


def test_truncated_headers():
    data = jpeg(PICTURE)
    scan = data.index(b'\xff\xda')
    assert read_jpeg_header(data[: scan + 9]) is not None
    for length in range(0, scan, 7):
        assert read_jpeg_header(data[:length]) is None


@pytest.mark.parametrize(
    'offset, value, words',
    [
        (-1, 12, '12 bits per sample'),
        (4, 2, '2 bands'),
        (-4, 0xC3, 'lossless'),
        (-4, 0xC5, 'hierarchical'),
    ],
)
def test_unsupported_frames(offset, value, words):
    assert unsupported_frame(changed(offset, value)) == words


def test_usual_frames_are_supported():
    for data in (jpeg(PICTURE), jpeg(PICTURE, 'CMYK'), b'', b'text'):
        assert unsupported_frame(data) == ''
        for length in range(0, len(data), 97):
            assert unsupported_frame(data[:length]) == ''
