"""Verifier and loader agree on every kind of file."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.verification.unlabelled_set import verify_image_folder
from mixmae.datasets import UnlabeledImageFolder
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from mixmae.datasets.images.image_file import ImageLimits
from mixmae.fileio import image_listing

# Name and cause; None for a usable file.
KINDS = {
    'animated.webp': None,
    'bomb.png': 'too large',
    'cmyk.jpg': None,
    'dangling.jpg': 'missing',
    'deep.png': None,
    'empty.jpg': 'empty',
    'exif.jpg': None,
    'flipped bits.png': 'damaged',
    'grey alpha.png': None,
    'gif inside.jpg': None,
    'half.jpg': 'truncated',
    'half.png': 'truncated',
    'half.webp': 'truncated',
    'line\nbreak.png': None,
    'loop.jpg': 'unreadable',
    'one pixel.png': None,
    'palette.png': None,
    'page.jpg': 'no image',
    'raw \udcff bytes.png': 'empty',
    'wide.png': None,
    'ä 日本.png': 'empty',
}
BAD = {name: cause for name, cause in KINDS.items() if cause}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write one file of each kind; the limit is 2 x 5,000 pixels."""
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 5_000)
    folder = tmp_path / 'images'
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    picture = Image.fromarray(noise[..., :3])

    def save(name, image=picture, **kwargs):
        image.save(folder / name, **kwargs)

    frames = [picture, picture.rotate(90)]
    frames[0].save(
        folder / 'animated.webp', save_all=True, append_images=frames[1:]
    )
    save('bomb.png', Image.new('L', (101, 100)))
    save('cmyk.jpg', picture.convert('CMYK'))
    (folder / 'dangling.jpg').symlink_to('gone.jpg')
    cv2.imwrite(str(folder / 'deep.png'), noise.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    save('exif.jpg', picture.crop((0, 0, 64, 32)), exif=exif)
    save('grey alpha.png', picture.convert('LA'))
    save('gif inside.jpg', format='GIF')
    for name in ('half.jpg', 'half.png', 'half.webp'):
        save(name)
        os.truncate(folder / name, (folder / name).stat().st_size // 2)
    save('flipped bits.png')
    content = bytearray((folder / 'flipped bits.png').read_bytes())
    for place in range(len(content) // 3, len(content) - 100, 50):
        content[place] ^= 255
    (folder / 'flipped bits.png').write_bytes(content)
    save('line\nbreak.png')
    (folder / 'loop.jpg').symlink_to('loop.jpg')
    save('one pixel.png', Image.new('RGB', (1, 1)))
    save('palette.png', picture.quantize(16), transparency=3)
    (folder / 'page.jpg').write_text('<html>not found</html>')
    save('wide.png', Image.new('L', (2000, 2)))
    for name in ('empty.jpg', 'ä 日本.png', 'raw \udcff bytes.png'):
        (folder / name).touch()
    return folder


def pairs(report):
    return {entry.path: entry.cause for entry in report.corrupt}


@pytest.mark.parametrize('workers', [0, 2])
def test_every_kind_has_its_cause(folder, workers):
    report = verify_image_folder(folder, workers=workers)
    assert report.opened == len(KINDS)
    assert pairs(report) == BAD
    assert report.anomalies == {'wrong suffix': 1}
    assert report.causes()['truncated'] == 3


def test_the_loader_agrees(folder):
    dataset = UnlabeledImageFolder(
        str(folder),
        pipeline=[dict(type='LoadImage')],
        max_corrupt_ratio=1.0,
        listing_cache=False,
    )
    assert len(dataset) == len(KINDS)
    for index in range(len(dataset)):
        dataset[index]
    found = {
        os.path.relpath(dataset.get_data_info(index)['img_path'], folder): c
        for index, c in dataset.corrupt_files.found().items()
    }
    assert found == BAD


def test_listed_files_are_left_out(folder, tmp_path):
    listing = tmp_path / 'bad files.txt'
    write_corrupt_files(listing, verify_image_folder(folder).corrupt)
    dataset = UnlabeledImageFolder(
        str(folder),
        pipeline=[dict(type='LoadImage')],
        exclude=str(listing),
        max_corrupt_ratio=0,
    )
    names = [os.path.basename(results['img_path']) for results in dataset]
    assert names == sorted(KINDS.keys() - BAD.keys())


def test_strictly(folder):
    report = verify_image_folder(folder, strict=True)
    assert pairs(report) == {**BAD, 'gif inside.jpg': 'wrong suffix'}


def test_limits(folder):
    report = verify_image_folder(folder, limits=ImageLimits(2, 4000))
    large = [n for n, c in pairs(report).items() if c == 'too large']
    small = [n for n, c in pairs(report).items() if c == 'too small']
    assert small == ['one pixel.png']
    # 64 x 64 are more than 4,000, and 32 x 64 and 2,000 x 2 are not.
    assert 'exif.jpg' not in large and 'wide.png' not in large
    assert {'cmyk.jpg', 'deep.png', 'half.png', 'bomb.png'} <= set(large)


def test_a_list_of_paths(folder, tmp_path):
    listing = tmp_path / 'list.txt'
    listing.write_text(f'cmyk.jpg\nempty.jpg\n{folder}/half.jpg\ngone.jpg\n')
    report = verify_image_folder(folder, listing)
    assert report.opened == 4
    assert pairs(report) == {
        'empty.jpg': 'empty',
        'half.jpg': 'truncated',
        'gone.jpg': 'missing',
    }
    listing.write_text('cmyk.jpg\n../elsewhere.jpg\n')
    with pytest.raises(ValueError, match='list.txt, line 2: .*leads out'):
        verify_image_folder(folder, listing)


def test_folders_that_cannot_be_listed(folder, monkeypatch):
    (folder / 'below').mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('below'):
            raise PermissionError(13, 'Permission denied', path)
        return scandir(path)

    monkeypatch.setattr(image_listing.os, 'scandir', refuse)
    report = verify_image_folder(folder)
    assert report.corrupt[-1] == CorruptFile('unreadable', 'below')


def test_folders_without_images(tmp_path):
    with pytest.raises(ValueError, match='no images'):
        verify_image_folder(tmp_path)
    with pytest.raises(ValueError, match='gone: no such folder'):
        verify_image_folder(tmp_path / 'gone')
