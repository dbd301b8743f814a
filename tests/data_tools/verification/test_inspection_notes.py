"""Notes on valid images."""

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.verification.unlabelled_set import verify_image_folder
from mixmae.datasets.images.image_decoding import ImageDecoding
from tests.datasets.picture_kinds import (
    GREY,
    RGB,
    encoded,
    picture,
    read_kinds,
    refused_kinds,
    with_band,
)
from tests.datasets.tiff_files import tiff


@pytest.fixture
def folder(tmp_path):
    """Write usual images, and some of 12 bits and with extra bands."""
    for name in ('rgb.jpg', 'rgb.png', 'alpha.png', 'animated.webp'):
        (tmp_path / name).write_bytes(read_kinds()[name][0])
    for index, top in enumerate((1000, 4095)):
        pixels = picture(top, np.uint16)[..., 0]
        path = tmp_path / f'deep-{index}.png'
        path.write_bytes(encoded(pixels, 'PNG'))
    data = tiff(with_band(picture()), RGB, extra=(2,))
    (tmp_path / 'four.tif').write_bytes(data)
    return tmp_path


def notes(folder, **settings):
    report = verify_image_folder(folder, decoding=ImageDecoding(**settings))
    assert not report.corrupt
    return report.notes


def test_each_treatment_has_a_line_with_its_count(folder):
    clear, animated, deep = notes(folder)
    assert clear.startswith('2 images with transparency')
    assert '1 of them' in clear and 'unassociated' in clear
    assert animated.startswith('1 files have several frames')
    assert '2 images of 16-bit' in deep and '0 to 4095' in deep
    assert 'value_range' in deep


def test_notes_state_the_settings(folder):
    clear, _, deep = notes(
        folder,
        value_range=(0, 2000),
        extra_band='alpha',
        background=(1, 2, 3),
    )
    assert '(1, 2, 3)' in clear and 'unassociated' not in clear
    assert '0 to 2000 become 0 to 255' in deep
    # Half of the values of one of two images.
    assert 'in 1 images' in deep and '25.' in deep
    dropped = notes(folder, extra_band='drop')[0]
    assert (
        dropped.startswith('2 images have additional bands')
        and 'ignored' in dropped
    )


def test_usual_images_need_no_note(tmp_path):
    for name in ('rgb.jpg', 'rgb.png', 'palette.gif'):
        (tmp_path / f'{name}.png').write_bytes(read_kinds()[name][0])
    assert notes(tmp_path) == []


def test_unsupported_files_are_counted_by_kind(tmp_path):
    """Messages with different numbers count as one kind."""
    for index in range(4):
        values = picture(index + 1, 'f4')[..., 0]
        data = tiff(values, GREY)
        (tmp_path / f'{index}.tif').write_bytes(data)
    (tmp_path / 'many.tif').write_bytes(refused_kinds()['many.tif'][0])
    (tmp_path / 'broken.jpg').write_bytes(b'<html>')
    Image.fromarray(picture()).save(tmp_path / 'sound.png')
    report = verify_image_folder(tmp_path)
    assert report.causes() == {'unsupported': 5, 'no image': 1}
    (floats, four), (many, one) = report.unsupported.most_common()
    assert (four, one) == (4, 1)
    assert '32-bit floats' in floats and '12 bands' in many
    # A value range makes the floats readable.
    settings = ImageDecoding(value_range=(0, 4))
    report = verify_image_folder(tmp_path, decoding=settings)
    assert report.unsupported.total() == 1
