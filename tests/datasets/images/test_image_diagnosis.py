"""Corrupt files are distinguished from unsupported formats."""

import numpy as np
import pytest

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_file import read_image
from tests.datasets.picture_kinds import GREY, RGB, encoded, picture
from tests.datasets.tiff_files import tiff


def cause_of(path):
    with pytest.raises(CorruptImageError) as caught:
        read_image(path)
    return caught.value.cause


@pytest.mark.filterwarnings('ignore')
def test_a_tiff_that_ends_in_its_header(tmp_path):
    """Many programs write the directory after the pixels."""
    path = tmp_path / 'a.tif'
    data = tiff(picture(), RGB, head_last=True)
    path.write_bytes(data)
    assert (read_image(path).pixels == picture()).all()
    for cut in (20, len(data) // 2, len(data) - 20):
        path.write_bytes(data[:cut])
        assert cause_of(path) == 'truncated', cut


def test_a_damaged_file_of_a_refused_kind_is_damaged(tmp_path):
    path = tmp_path / 'a.tif'
    data = tiff(picture(65535, np.uint16)[..., 0], GREY)
    path.write_bytes(data[:-200])
    assert cause_of(path) == 'truncated'


def test_causes_of_pillows_unsupported(tmp_path):
    data = bytearray(encoded(picture(), 'BMP'))
    # JPEG inside of a bitmap.
    data[30] = 4
    path = tmp_path / 'a.bmp'
    path.write_bytes(data)
    assert cause_of(path) == 'unsupported'


def test_words_of_a_path_are_no_cause(tmp_path):
    path = tmp_path / 'unsupported truncated.png'
    path.write_bytes(b'text')
    assert cause_of(path) == 'no image'


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'GIF'])
def test_files_truncated_in_the_header(tmp_path, kind):
    data = encoded(picture(), kind)
    path = tmp_path / 'a.png'
    for size in (8, 12, 20):
        path.write_bytes(data[:size])
        assert cause_of(path) in ('damaged', 'truncated'), size
