"""Samples without data, by GDAL's tag of a TIFF."""

import numpy as np
import pytest
import tifffile

from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import read_image
from mixmae.datasets.images.sample_values import ValueSample

NO_DATA = 42113
BORDER = (slice(None), slice(0, 3))


def write(path, bands, dtype, value, tag):
    """Write values of 1000 to 2000, and a border without data."""
    shape = (20, 30, bands)[: 2 if bands == 1 else 3]
    pixels = np.linspace(1000, 2000, np.prod(shape)).reshape(shape)
    pixels = pixels.astype(dtype)
    pixels[BORDER] = value
    tags = [(NO_DATA, 's', 0, tag, True)] if tag is not None else []
    tifffile.imwrite(
        path,
        pixels,
        extratags=tags,
        photometric='minisblack',
        planarconfig='contig' if bands > 1 else None,
    )
    return str(path)


@pytest.mark.parametrize('bands', [1, 4])
@pytest.mark.parametrize(
    'dtype, value, tag',
    [
        ('float32', -9999, '-9999'),
        ('float32', -3.4e38, '-3.4e+38'),
        ('float32', np.finfo('float32').min, '-1.7976931348623157e+308'),
        ('float32', np.nan, 'nan'),
        ('int16', -32768, '-32768'),
        ('uint16', 0, '0'),
        ('uint16', 65535, '65535 '),
    ],
)
def test_left_out_of_the_range_and_black(tmp_path, bands, dtype, value, tag):
    path = write(tmp_path / 'a.tif', bands, dtype, value, tag)
    sample = ValueSample(ImageDecoding(channels=bands))
    sample.add(path)
    low, high = sample.percentiles()
    assert 1000 <= low < high <= 2000
    found = read_image(
        path, decoding=ImageDecoding(value_range=(900, 2000), channels=bands)
    )
    assert found.clipped < 0.11 if tag == 'nan' else found.clipped == 0
    assert (found.pixels[BORDER] == 0).all()
    assert (found.pixels[:, 3:] > 20).all()


@pytest.mark.parametrize('tag', ['', 'none', '1e999', '-9999'])
def test_other_tags_change_nothing(tmp_path, tag):
    plain = write(tmp_path / 'a.tif', 1, 'uint16', 65535, None)
    path = write(tmp_path / 'b.tif', 1, 'uint16', 65535, tag)
    decoding = ImageDecoding(value_range=(900, 65535), channels=1)
    one, other = (read_image(p, decoding=decoding) for p in (plain, path))
    assert (one.pixels == other.pixels).all()
    assert one.values == other.values
    assert other.values[1] == 65535


def test_kind_names_the_value(tmp_path):
    path = write(tmp_path / 'a.tif', 4, 'float32', -9999, '-9999')
    sample = ValueSample(ImageDecoding(channels=4))
    sample.add(path)
    assert '-9999 without data' in next(iter(sample.kinds))
    assert sample.least >= 1000


def test_a_tile_without_any_data_is_black(tmp_path):
    path = tmp_path / 'a.tif'
    pixels = np.full((20, 30), 65535, np.uint16)
    tags = [(NO_DATA, 's', 0, '65535', True)]
    tifffile.imwrite(path, pixels, extratags=tags, photometric='minisblack')
    found = read_image(str(path), decoding=ImageDecoding(channels=1))
    assert (found.pixels == 0).all()
    sample = ValueSample(ImageDecoding(channels=1))
    sample.add(str(path))
    with pytest.raises(ValueError, match='have no data'):
        sample.percentiles()
