"""LoadImage: every kind of file becomes uint8 BGR."""

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.transforms import LoadImage


def load(path, **kwargs):
    results = LoadImage(**kwargs)({'img_path': str(path)})
    img = results['img']
    wide = kwargs.get('value_range') is not None
    assert img.dtype == (np.float32 if wide else np.uint8)
    assert img.ndim == 3 and img.shape[2] == 3
    assert img.flags['C_CONTIGUOUS']
    assert results['img_shape'] == results['ori_shape'] == img.shape[:2]
    return img


def save(tmp_path, image, name='a.png', **kwargs):
    path = tmp_path / name
    image.save(path, **kwargs)
    return path


def test_colours_are_bgr_and_rows_come_first(tmp_path):
    image = Image.new('RGB', (5, 3), (250, 20, 7))
    img = load(save(tmp_path, image))
    assert img.shape == (3, 5, 3)
    assert img[0, 0].tolist() == [7, 20, 250]


@pytest.mark.parametrize(
    'suffix, lossless',
    [
        ('.png', True),
        ('.bmp', True),
        ('.tiff', True),
        ('.jpg', False),
        ('.webp', False),
    ],
)
def test_formats(tmp_path, suffix, lossless):
    image = Image.new('RGB', (16, 8), (200, 100, 50))
    img = load(save(tmp_path, image, f'a{suffix}'))
    difference = np.abs(img.astype(int) - [50, 100, 200]).max()
    assert difference <= (0 if lossless else 6)


@pytest.mark.parametrize('mode', ['1', 'L'])
def test_grey_becomes_three_equal_channels(tmp_path, mode):
    img = load(save(tmp_path, Image.new(mode, (4, 4), 255)))
    assert (img == 255).all()


def test_cmyk(tmp_path):
    image = Image.new('CMYK', (8, 8), (0, 255, 255, 0))
    img = load(save(tmp_path, image, 'a.tif'))
    assert img[0, 0].tolist() == [0, 0, 255]
    assert load(save(tmp_path, image, 'a.jpg'))[0, 0, 2] > 180


@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_transparent_images_are_composited_over_the_background(tmp_path, mode):
    colour = (10, 20, 30, 0) if mode == 'RGBA' else (10, 0)
    path = save(tmp_path, Image.new(mode, (4, 4), colour))
    assert (load(path) == 255).all()
    img = load(path, background=(200, 100, 0))
    assert img[0, 0].tolist() == [0, 100, 200]


def test_half_transparent(tmp_path):
    path = save(tmp_path, Image.new('RGBA', (2, 2), (0, 0, 0, 128)))
    assert abs(int(load(path)[0, 0, 0]) - 127) <= 1


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.new('P', (4, 2), 1)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 2)
    img = load(save(tmp_path, image))
    assert img[0, 1].tolist() == [0, 0, 255]
    assert img[0, 0].tolist() == [0, 255, 0]
    img = load(save(tmp_path, image, 'b.png', transparency=2))
    assert img[0, 1].tolist() == [0, 0, 255]
    assert img[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_16_bits_are_scaled(tmp_path, suffix):
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    img = load(save(tmp_path, Image.fromarray(values), f'a{suffix}'))
    assert img[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize('dtype', [np.int32, np.float32])
def test_other_samples_need_a_value_range(tmp_path, dtype):
    values = np.array([[-100, 0, 100, 200]], dtype)
    path = save(tmp_path, Image.fromarray(values), 'a.tif')
    with pytest.raises(CorruptImageError, match='value_range'):
        load(path)
    img = load(path, value_range=(-100, 100))
    assert img[0, :, 0].tolist() == [0, 127.5, 255, 255]


def test_an_extra_band(tmp_path):
    four = Image.new('RGBA', (4, 4), (10, 20, 30, 0))
    path = save(tmp_path, four, 'a.tif')
    assert (load(path) == 255).all()
    assert load(path, extra_band='drop')[0, 0].tolist() == [30, 20, 10]


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.png'])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new('RGB', (8, 8), c) for c in ('white', 'black')]
    path = tmp_path / f'a{suffix}'
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert load(path).min() > 240


def test_exif_orientation(tmp_path):
    image = Image.new('RGB', (16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path, image, 'a.jpg', exif=exif)
    assert load(path).shape == (16, 8, 3)


def test_draft_size_is_at_least_the_requested_side(tmp_path):
    path = save(tmp_path, Image.new('RGB', (800, 400)), 'a.jpg')
    assert load(path, draft_side=90).shape == (100, 200, 3)
    assert load(path, draft_side=500).shape == (400, 800, 3)


def test_corrupt_files(tmp_path):
    """Causes are tested in tests/datasets/images/test_image_file.py."""
    path = tmp_path / 'text.png'
    path.write_bytes(b'no image')
    with pytest.raises(CorruptImageError, match='text.png: no image') as e:
        load(path)
    assert (e.value.path, e.value.cause) == (str(path), 'no image')


def test_limits(tmp_path):
    path = save(tmp_path, Image.new('RGB', (5, 3)))
    assert load(path, min_side=3, max_pixels=15).shape == (3, 5, 3)
    with pytest.raises(CorruptImageError, match='too small .5 x 3 px'):
        load(path, min_side=4)
    with pytest.raises(CorruptImageError, match='too large .5 x 3 px'):
        load(path, max_pixels=14)


def test_bad_arguments():
    with pytest.raises(ValueError, match='background'):
        LoadImage(background=(0, 0, 256))
    with pytest.raises(ValueError, match='draft_side'):
        LoadImage(draft_side=0)
    with pytest.raises(ValueError, match='min_side'):
        LoadImage(min_side=0)
    with pytest.raises(ValueError, match='max_pixels'):
        LoadImage(max_pixels=0)
    with pytest.raises(ValueError, match='value_range'):
        LoadImage(value_range=(1, 0))
    with pytest.raises(ValueError, match='extra_band'):
        LoadImage(extra_band='white')


def test_repr_shows_all_settings():
    """The log shows how a run decodes its images."""
    text = repr(LoadImage((1, 2, 3), 64, 5, 99, (0, 4095), 'drop', 1))
    for said in (
        'background=(1, 2, 3)', 'draft_side=64', 'min_side=5',
        'max_pixels=99', 'value_range=(0, 4095)', "extra_band='drop'",
        'channels=1',
    ):  # fmt: skip
        assert said in text


def test_loaded_arrays_are_kept():
    """mmpretrain's inferencer reads images itself."""
    image = np.zeros((3, 5, 3), np.uint8)
    results = LoadImage()(dict(img=image))
    assert results['img'] is image
    assert results['img_shape'] == results['ori_shape'] == (3, 5)
    with pytest.raises(KeyError, match='img_path'):
        LoadImage()({})


def test_an_unmeasured_range_reads_8_bits_and_rejects_16(tmp_path):
    """MMEngine's own runner leaves 'auto' as it stands in the config."""
    transform = LoadImage(value_range='auto')
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    Image.fromarray(grey).save(tmp_path / '8.png')
    Image.fromarray(grey.astype(np.uint16) * 200).save(tmp_path / '16.png')
    assert transform.load(str(tmp_path / '8.png')).dtype == np.uint8
    with pytest.raises(CorruptImageError, match='value_range'):
        transform.load(str(tmp_path / '16.png'))
