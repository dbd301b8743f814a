"""Reading of an image file: one test per cause of an error."""

import errno
import os
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import (
    CAUSES,
    CorruptImageError,
)
from mixmae.datasets.images import image_diagnosis, image_file
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ImageLimits, read_image
from tests.datasets.picture_kinds import GREY, picture, turned
from tests.datasets.tiff_files import tiff


def cause_of(path, **kwargs):
    with pytest.raises(CorruptImageError) as caught:
        read_image(path, **kwargs)
    assert caught.value.cause in CAUSES
    assert caught.value.path == str(path)
    text = str(caught.value)
    assert path.name in text and '\n' not in text
    return caught.value.cause


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write(path, suffix_format, image=None):
    image = Image.fromarray(noise(64, 64, 3)) if image is None else image
    image.save(path, suffix_format)
    return path


def test_a_file_of_unknown_size(tmp_path, monkeypatch):
    """A stream has no size, and a read may return less."""
    # Like a pipe, which is otherwise refused.
    monkeypatch.setattr(image_diagnosis, 'regular_file', os.open)
    whole = write(tmp_path / 'whole.jpg', 'JPEG')
    pipe = tmp_path / 'pipe.jpg'
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=pipe.write_bytes, args=(whole.read_bytes(),)
    )
    writer.start()
    found = image_diagnosis.jpeg_content(str(pipe))
    writer.join()
    assert found == whole.read_bytes()


def test_contents_of_other_files(tmp_path):
    for name, content, cause in (
        ('a.jpg', b'', 'empty'),
        ('b.jpg', b'<html>not found</html>', 'no image'),
        ('c.jpg', bytes(1000), 'no image'),
        # Would start a PostScript interpreter.
        ('d.jpg', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF',
         'no image'),
    ):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        assert cause_of(path) == cause, name


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF'])
@pytest.mark.parametrize('share', [0.3, 0.95])
def test_truncated_files(tmp_path, kind, share):
    path = write(tmp_path / 'a.jpg', kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert cause_of(path) == 'truncated'


def test_damaged_files(tmp_path):
    path = write(tmp_path / 'a.png', 'PNG')
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 3, len(content) - 100, 50):
        content[place] ^= 255
    path.write_bytes(content)
    assert cause_of(path) == 'damaged'


def test_missing_files(tmp_path):
    assert cause_of(tmp_path / 'gone.jpg') == 'missing'
    link = tmp_path / 'link.jpg'
    link.symlink_to(tmp_path / 'gone.jpg')
    assert cause_of(link) == 'missing'


def test_unreadable_files(tmp_path, monkeypatch):
    loop = tmp_path / 'loop.jpg'
    loop.symlink_to(loop)
    assert cause_of(loop) == 'unreadable'
    folder = tmp_path / 'folder.jpg'
    folder.mkdir()
    assert cause_of(folder) == 'unreadable'

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, 'no')

    path = write(tmp_path / 'a.jpg', 'PNG')
    monkeypatch.setattr(image_file.Image, 'open', refuse)
    assert cause_of(path) == 'unreadable'
    monkeypatch.setattr('builtins.open', refuse)
    assert cause_of(path) == 'unreadable'


@pytest.mark.parametrize(
    'shortage', [MemoryError(), OSError(errno.EMFILE, 'too many open files')]
)
@pytest.mark.parametrize('place', ['PIL.Image.open', 'builtins.open'])
def test_shortages_of_memory_and_handles_are_no_fault_of_a_file(
    tmp_path, monkeypatch, shortage, place
):
    path = write(tmp_path / 'a.jpg', 'PNG')

    def fail(*_, **__):
        raise shortage

    monkeypatch.setattr(place, fail)
    with pytest.raises(type(shortage)):
        read_image(path)


def test_decompression_bombs(tmp_path, monkeypatch):
    path = write(tmp_path / 'a.png', 'PNG')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert cause_of(path) == 'too large'


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF', 'WEBP'])
def test_max_pixels_lifts_the_limit_against_bombs(tmp_path, monkeypatch, kind):
    path = write(tmp_path / 'a.png', kind)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(CorruptImageError, match='max_pixels') as caught:
        read_image(path)
    assert caught.value.cause == 'too large'
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = read_image(path, ImageLimits(max_pixels=4096))
    assert found.pixels.shape == (64, 64, 3)
    assert cause_of(path, limits=ImageLimits(max_pixels=4095)) == 'too large'
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_sizes_are_checked_before_decoding(tmp_path):
    """The file is truncated, but its header already exceeds the limit."""
    path = write(tmp_path / 'a.png', 'PNG')
    path.write_bytes(path.read_bytes()[:100])
    assert cause_of(path) == 'truncated'
    assert cause_of(path, limits=ImageLimits(max_pixels=4095)) == 'too large'
    assert cause_of(path, limits=ImageLimits(min_side=65)) == 'too small'


def test_one_pixel_is_an_image(tmp_path):
    path = write(tmp_path / 'a.png', 'PNG', Image.new('RGB', (1, 1), 'red'))
    assert read_image(path).pixels.tolist() == [[[255, 0, 0]]]


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'GIF', 'BMP'])
def test_the_content_decides_not_the_suffix(tmp_path, kind):
    path = write(tmp_path / 'a.tif', kind)
    content = read_image(path)
    assert content.pixels.shape == (64, 64, 3)
    assert content.kind.format == kind


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_rotated_files_are_read_correctly(tmp_path, dtype, orientation):
    """Pillow maps some files into memory, and scrambles those turned by 90
    degrees."""
    seen = picture(np.iinfo(dtype).max, dtype)[..., 0]
    data = tiff(turned(seen, orientation), GREY, tags=[(274, orientation)])
    path = tmp_path / 'a.tif'
    path.write_bytes(data)
    decoding = ImageDecoding(value_range=(0, 65535))
    found = read_image(path, decoding=decoding).pixels
    inside = read_image(path, decoding=decoding, content=data).pixels
    assert (found == inside).all()
    assert (np.round(found[..., 0]) == picture()[..., 0]).all()


def test_a_name_of_any_characters(tmp_path):
    raw = os.fsencode(tmp_path) + b'/\xff \n\xc3\xa4\xe2\x80\xa8.png'
    name = os.fsdecode(raw)
    write(tmp_path / 'a.png', 'PNG').rename(name)
    assert read_image(name).pixels.shape == (64, 64, 3)
    os.truncate(name, 50)
    with pytest.raises(CorruptImageError) as caught:
        read_image(name)
    text = str(caught.value)
    assert '\\udcff \\nä\\u2028.png: truncated' in text
    assert len(text.splitlines()) == 1 and text.encode()
