import numpy as np
import pytest
import torch
from PIL import Image

from mixmae.apis.image_input import list_inputs
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.transforms import LoadImage
from tests.apis.tiny_setup import photo, photo_folder

LOAD = LoadImage().load


def test_files_folders_patterns_and_arrays_mixed(tmp_path):
    paths = photo_folder(tmp_path)
    (tmp_path / 'notes.txt').write_text('no image')
    array = photo(8, 9, seed=7)
    inputs = [str(tmp_path), paths[1], f'{tmp_path}/b/*.png', array]
    sources = list_inputs(inputs, 'rgb')
    names = [source.name for source in sources]
    assert names[:3] == [str(path) for path in paths]
    assert names[3:] == [str(paths[1]), str(paths[2]), 'image_5']
    assert [source.index for source in sources] == list(range(6))
    # From any source, an image is BGR as LoadImage reads it.
    assert np.array_equal(sources[5].read(LOAD), array[..., ::-1])
    for source in sources[:5]:
        assert np.array_equal(source.read(LOAD), LOAD(source.name))
    assert [one.name for one in list_inputs(iter(inputs), 'rgb')] == names


def test_one_image_in_every_form(tmp_path):
    rgb = photo(8, 9)
    Image.fromarray(rgb).save(tmp_path / 'a.png')
    chw = torch.from_numpy(rgb.copy()).permute(2, 0, 1)
    forms = [
        (tmp_path / 'a.png', None),
        (rgb, 'rgb'),
        (rgb[..., ::-1], 'bgr'),
        (rgb / 255, 'rgb'),
        (rgb[None], 'rgb'),
        (chw, 'rgb'),
        (chw.flip(0), 'bgr'),
        (chw[None] / 255, 'rgb'),
        ((chw.double() / 255).requires_grad_(), 'rgb'),
    ]
    for form, order in forms:
        (source,) = list_inputs(form, order)
        assert np.array_equal(source.read(LOAD), rgb[..., ::-1])
    batch = torch.stack([chw, chw.flip(1)])
    first, second = list_inputs(batch, 'rgb')
    assert np.array_equal(second.read(LOAD), first.read(LOAD)[::-1])


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        (np.zeros((8, 8), np.uint8), r'array must be \(H, W, 3\)'),
        (np.zeros((3, 8, 8), np.uint8), r'got \(3, 8, 8\)'),
        (np.zeros((8, 8, 4), np.uint8), 'arrays have the 3 channels'),
        (np.zeros((0, 8, 3), np.uint8), 'must be'),
        (torch.zeros(8, 8, 3), 'tensor must be'),
        (torch.zeros(1, 1, 3, 8, 8), 'tensor must be'),
        (np.full((8, 8, 3), 1.5), r'within 0..1, got 1.5..1.5'),
        (torch.full((3, 8, 8), -0.1), r'within 0..1, got -0.1'),
        (np.full((8, 8, 3), np.nan), 'within 0..1, got nan'),
        (np.zeros((8, 8, 3), np.int64), 'uint8, or floats'),
        (Image.new('RGB', (8, 8)), 'convert a Pillow image by'),
        ([], 'no images were given'),
    ],
)
def test_refuses_other_inputs(given, said):
    with pytest.raises(ValueError, match=said):
        list_inputs(given, 'rgb')


def test_advice_on_pillow_images_loses_no_bits():
    for decoding in (
        ImageDecoding(channels=1),
        ImageDecoding(value_range=(0, 4095)),
    ):
        with pytest.raises(ValueError, match='pass the path of its file'):
            list_inputs(Image.new('I;16', (8, 8)), 'rgb', decoding)


def test_refuses_arrays_of_unknown_order_and_missing_files(
    tmp_path,
):
    with pytest.raises(ValueError, match="channel_order='rgb'"):
        list_inputs(photo(8, 8))
    with pytest.raises(ValueError, match='got .RGB.'):
        list_inputs(photo(8, 8), 'RGB')
    missing = tmp_path / 'no' / 'a.png'
    with pytest.raises(ValueError, match=f'file or folder {missing}'):
        list_inputs(missing)
    with pytest.raises(ValueError, match='no file matches'):
        list_inputs(f'{tmp_path}/*.png')
    (tmp_path / 'a.txt').write_text('no image')
    with pytest.raises(ValueError, match=r'no images in .*\.jpg'):
        list_inputs(tmp_path)


def test_names_a_file_that_cannot_be_read(tmp_path):
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'no picture')
    (source,) = list_inputs(broken)
    with pytest.raises(ValueError, match='broken.png'):
        source.read(LOAD)
