"""Fast JPEG decoder: same pixels as Pillow, reduced sizes, refusals."""

import io

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.images import jpeg_decoder
from mixmae.datasets.images.jpeg_decoder import (
    decode_jpeg,
    decode_jpeg_part,
    read_jpeg_header,
)
from tests.datasets.photographs import jpeg, photograph, psnr

PICTURE = photograph(150, 203)
KINDS = [
    dict(subsampling=0),
    dict(subsampling=1),
    dict(subsampling=2),
    dict(mode='L'),
    dict(progressive=True),
    dict(restart_marker_rows=1),
    dict(quality=100, subsampling=0),
    dict(keep_rgb=True),
]
every_kind = pytest.mark.parametrize('kind', KINDS, ids=str)


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert('RGB'))


def part(data: bytes, bottom: int, shrink: int = 1) -> np.ndarray | None:
    return decode_jpeg_part(data, read_jpeg_header(data), bottom, shrink)


@every_kind
def test_pixels_are_those_of_pillow(kind):
    data = jpeg(PICTURE, **kind)
    wanted = by_pillow(data)
    assert np.array_equal(decode_jpeg(data, 'RGB'), wanted)
    assert np.array_equal(decode_jpeg(data, 'BGR'), wanted[..., ::-1])


@every_kind
@pytest.mark.parametrize('bottom', [1, 16, 63, 149, 150])
def test_cropped_rows_do_not_change_others(kind, bottom):
    data = jpeg(PICTURE, **kind)
    found, whole = part(data, bottom), part(data, 150)
    assert whole.shape == (150, 203, 3)
    assert np.array_equal(found[:bottom], whole[:bottom])
    # Progressive files are always decoded completely.
    fewer = bottom < 100 and 'progressive' not in kind
    assert (len(found) < 150) == fewer or bottom > 100
    assert psnr(whole[..., ::-1], by_pillow(data)) > 38


@every_kind
@pytest.mark.parametrize('shrink', [2, 4, 8])
def test_reduced_size(kind, shrink):
    data = jpeg(PICTURE, **kind)
    found = part(data, 100, shrink)
    rows, columns = 100 // shrink, -(-203 // shrink)
    assert len(found) >= rows and found.shape[1] == columns
    # Approximately the mean of blocks of pixels.
    wanted = Image.fromarray(by_pillow(data)).reduce(shrink)
    upright = found[:rows, : 203 // shrink, ::-1]
    wanted = np.asarray(wanted)[:rows, : 203 // shrink]
    assert psnr(upright, wanted) > 25


def test_truncated_files_are_refused():
    """The file is corrupt whichever rows are requested."""
    data = jpeg(PICTURE)
    for length in (len(data) - 2, len(data) // 2):
        assert part(data[:length], 10) is None
        assert decode_jpeg(data[:length], 'RGB') is None


def test_bytes_after_the_end():
    data = jpeg(PICTURE)
    more = data + b'camera notes'
    assert np.array_equal(part(more, 20)[:20], part(data, 20)[:20])
    assert len(part(more, 20)) == 150


def test_corrupt_data_is_refused():
    data = bytearray(jpeg(PICTURE))
    middle = len(data) // 2
    data[middle : middle + 2] = b'\xff\xc4'
    assert decode_jpeg(bytes(data), 'RGB') is None


def test_without_the_decoder(monkeypatch):
    data = jpeg(PICTURE)
    monkeypatch.setattr(jpeg_decoder, 'simplejpeg', None)
    assert decode_jpeg(data, 'RGB') is None
    assert part(data, 20) is None
