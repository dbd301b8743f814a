"""Shrinking of images."""

import io

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.packing import shrinking
from mixmae.data_tools.packing.shrinking import shrink
from mixmae.datasets.images.image_decoding import ImageDecoding


def picture(width=60, height=40):
    """Return smooth noise, which compresses like a photograph."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), 3)


def opened(data):
    return Image.open(io.BytesIO(data))


def test_the_short_side_is_as_requested(tmp_path):
    path = tmp_path / 'x.png'
    for size, expected in {(60, 40): (30, 20), (41, 61): (20, 30)}.items():
        picture(*size).save(path)
        found = shrink(str(path), 20)
        image = opened(found.data)
        assert found.shrunk and image.format == 'JPEG' and not found.cause
        assert image.size == expected


def test_nothing_is_enlarged_or_touched_without_need(tmp_path, monkeypatch):
    path = tmp_path / 'x.jpg'
    picture().save(path, quality=30, comment=b'kept')
    for limit in (None, 40, 4000):
        found = shrink(str(path), limit)
        assert found.data == path.read_bytes() and not found.shrunk
    # Its size is only known after decoding.
    monkeypatch.setattr(shrinking, '_short_side', lambda _: float('inf'))
    assert shrink(str(path), 40) == found


@pytest.mark.parametrize('width, fits', [(131000, True), (131002, False)])
def test_images_that_jpeg_cannot_store_keep_their_bytes(tmp_path, width, fits):
    path = tmp_path / 'x.png'
    Image.new('RGB', (width, 4)).save(path)
    found = shrink(str(path), 2)
    assert found.shrunk == fits and not found.cause
    if fits:
        assert opened(found.data).size == (65500, 2)
    else:
        assert found.data == path.read_bytes()


def test_pixels_are_those_of_an_antialiased_resize(tmp_path):
    path = tmp_path / 'x.png'
    picture(300, 200).save(path)
    image = np.asarray(opened(shrink(str(path), 50, 95).data), float)
    exact = np.asarray(picture(300, 200).resize((75, 50), 1), float)
    assert np.abs(image - exact).mean() < 3
    checks = np.indices((200, 200)).sum(0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(path)
    grey = np.asarray(opened(shrink(str(path), 40).data), float)
    assert np.abs(grey - 127.5).max() < 4


def test_quality_is_that_of_the_file(tmp_path):
    path = tmp_path / 'x.png'
    picture(300, 200).save(path)
    sizes = [len(shrink(str(path), 100, q).data) for q in (50, 92, 95)]
    assert sizes == sorted(set(sizes))


def test_the_decoded_image_is_shrunk(tmp_path):
    """EXIF orientation is applied, transparency is put over white."""
    path = tmp_path / 'x.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    left = Image.new('RGB', (60, 40))
    left.paste('white', (0, 0, 30, 40))
    left.save(path, exif=exif, quality=95)
    image = opened(shrink(str(path), 20).data)
    assert image.size == (20, 30) and not image.getexif()
    pixels = np.asarray(image)
    assert pixels[:12].min() > 240 and pixels[18:].max() < 15
    clear = tmp_path / 'x.png'
    Image.new('RGBA', (60, 40), (0, 0, 0, 0)).save(clear)
    assert np.asarray(opened(shrink(str(clear), 20).data)).min() > 250


@pytest.mark.parametrize(
    'data, cause',
    [
        (None, 'missing'),
        (b'', 'empty'),
        (b'no image', 'no image'),
        ('cut', 'truncated'),
    ],
)
def test_unusable_files_are_reported(tmp_path, data, cause):
    path = tmp_path / 'x.jpg'
    if data == 'cut':
        picture().save(path)
        data = path.read_bytes()[:-50]
    if data is not None:
        path.write_bytes(data)
    found = shrink(str(path), 20)
    assert (found.data, found.shrunk, found.cause) == (b'', False, cause)


def test_files_that_keep_their_bytes_are_not_checked(tmp_path):
    path = tmp_path / 'x.jpg'
    path.write_bytes(b'no image')
    assert shrink(str(path), None).data == b'no image'


def test_images_are_decoded_by_the_settings_of_the_training(tmp_path):
    path = tmp_path / 'x.png'
    Image.fromarray(np.full((60, 40), 2048, np.uint16)).save(path)
    decoding = ImageDecoding(value_range=(0, 4095))
    pixels = np.asarray(opened(shrink(str(path), 20, 95, decoding).data))
    assert np.abs(pixels.astype(int) - 128).max() <= 1
    Image.fromarray(np.full((60, 40), 7, np.float32)).save(path, 'TIFF')
    found = shrink(str(path), 20)
    assert (found.data, found.cause) == (b'', 'unsupported')
    assert '32-bit floats' in found.detail and '32-bit floats' in found.kind
