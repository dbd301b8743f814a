import numpy as np
import pytest
import torch
from PIL import Image

from mixmae.evaluation.labelled_folder import read_split


def test_squares_and_labels_in_the_order_of_class_names(tmp_path):
    for name, colour, size in (
        ('zebra', (255, 0, 0), (40, 20)),
        ('ant', (0, 255, 0), (20, 50)),
        ('ant', (0, 0, 255), (33, 31)),
    ):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        Image.new('RGB', size, colour).save(folder / f'{size[0]}.png')
    images, labels = read_split(tmp_path, 16)
    assert images.shape == (3, 3, 16, 16) and images.dtype == torch.uint8
    assert labels.tolist() == [0, 0, 1]
    colours = images[:, :, 8, 8].tolist()
    assert colours == [[0, 255, 0], [0, 0, 255], [255, 0, 0]]


def test_the_middle_of_the_longer_side_is_kept(tmp_path):
    picture = Image.new('RGB', (30, 10), (0, 0, 0))
    picture.paste((255, 255, 255), (10, 0, 20, 10))
    (tmp_path / 'one').mkdir()
    picture.save(tmp_path / 'one' / 'a.png')
    images, _ = read_split(tmp_path, 10)
    assert (images == 255).all()


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match='no images in .*<class>'):
        read_split(tmp_path, 16)


def test_files_are_read_as_by_a_training(tmp_path):
    (tmp_path / 'one').mkdir()
    path = tmp_path / 'one' / 'a.png'
    deep = np.full((16, 16), 32768, np.uint16)
    Image.fromarray(deep).save(path)
    images, _ = read_split(tmp_path, 16)
    assert (images == 128).all()
    Image.fromarray(deep.astype(np.float32)).save(path, 'TIFF')
    with pytest.raises(ValueError, match='a.png: unsupported'):
        read_split(tmp_path, 16)
