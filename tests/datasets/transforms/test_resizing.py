"""Resizing: crops as those of Pillow, a short side as that of mmpretrain."""

import mmcv
import numpy as np
import pytest
from mmpretrain.datasets import RandomResizedCrop
from PIL import Image

from mixmae.datasets.transforms import ResizeShortSide
from mixmae.datasets.transforms.resizing import (
    CropBox,
    CropRange,
    resize_by_pillow,
    resize_by_torch,
)
from mixmae.registry import TRANSFORMS
from tests.datasets.photographs import photograph, psnr

PICTURE = photograph(180, 240)
BOXES = [
    CropBox(0, 0, 180, 240),
    CropBox(11, 23, 100, 131),
    CropBox(80, 100, 40, 31),
    CropBox(179, 0, 1, 240),
    CropBox(60, 239, 90, 1),
]
both = pytest.mark.parametrize('kernel', ['bicubic', 'bilinear'])


@both
@pytest.mark.parametrize('box', BOXES)
@pytest.mark.parametrize('size', [(64, 64), (48, 97), (224, 224)])
def test_both_ways(box, size, kernel):
    corners = box.left, box.top, box.left + box.width, box.top + box.height
    part = mmcv.imcrop(PICTURE, np.array(corners) - [0, 0, 1, 1])
    wanted = mmcv.imresize(
        part, size[::-1], interpolation=kernel, backend='pillow'
    )
    assert wanted.shape == (*size, 3)
    assert np.array_equal(resize_by_pillow(PICTURE, box, size, kernel), wanted)
    found = resize_by_torch(PICTURE, box, size, kernel)
    assert found.dtype == np.uint8 and found.flags['C_CONTIGUOUS']
    assert psnr(found, wanted) > 48


def test_downsampling_is_antialiased():
    """Stripes of one pixel become grey (antialiasing)."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    box = CropBox(0, 0, 64, 64)
    for resize in (resize_by_pillow, resize_by_torch):
        found = resize(stripes, box, (16, 16), 'bicubic').astype(int)
        assert abs(found[:, 1:-1] - 128).max() < 6


@both
@pytest.mark.parametrize('shrink', [2, 4, 8])
def test_boxes_of_reduced_images(kernel, shrink):
    """Boxes match those of the full image to a fraction of a pixel."""
    picture = photograph(640, 800)
    # Compared pixel by pixel, to find offsets and scale errors.
    box = CropBox(133, 207, 397, 411)
    wanted = resize_by_pillow(picture, box, (32, 32), kernel)
    small = np.asarray(Image.fromarray(picture).reduce(shrink))
    found = resize_by_pillow(small, box, (32, 32), kernel, shrink)
    assert psnr(found, wanted) > 35
    moved = box._replace(left=box.left + 12)
    other = resize_by_pillow(small, moved, (32, 32), kernel, shrink)
    assert psnr(other, wanted) < 30


def test_read_only_arrays(recwarn):
    """torch warns of Pillow's read-only arrays."""
    pixels = np.array(PICTURE)
    pixels.flags.writeable = False
    resize_by_torch(pixels, BOXES[0], (16, 16), 'bicubic')
    assert not [w for w in recwarn if 'writ' in str(w.message)]


SIZES = [(375, 500), (500, 333), (64, 64), (1, 1), (7, 400), (300, 2)]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(
    ('area', 'aspect', 'attempts'),
    [
        ((0.2, 1.0), (3 / 4, 4 / 3), 10),
        ((0.08, 1.0), (3 / 4, 4 / 3), 1),
        ((0.67, 1.0), (0.5, 1.0), 0),
        ((0.5, 0.5), (2.0, 2.0), 3),
    ],
)
def test_draws_equal_those_of_mmpretrain(size, area, aspect, attempts):
    theirs = RandomResizedCrop(
        8,
        crop_ratio_range=area,
        aspect_ratio_range=aspect,
        max_attempts=attempts,
    )
    ours = CropRange(area, aspect, attempts)
    for seed in range(60):
        np.random.seed(seed)
        wanted = theirs.rand_crop_params(np.empty((*size, 3)))
        state = np.random.get_state()[1:3]
        np.random.seed(seed)
        box = ours.draw(*size)
        # Empty crops are skipped.
        assert box == (*wanted[:2], max(1, wanted[2]), max(1, wanted[3]))
        # Later draws are equal as well.
        assert np.array_equal(state[0], np.random.get_state()[1])
        assert state[1] == np.random.get_state()[2]
        assert box.top >= 0 and box.top + box.height <= size[0]
        assert box.left >= 0 and box.left + box.width <= size[1]
        assert min(box.height, box.width) > 0


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('channels', [1, 4, 12])
@pytest.mark.parametrize('kernel', ['bicubic', 'bilinear'])
def test_channels_are_resized_independently(channels, dtype, kernel):
    """A fourth channel is not handled as transparency."""
    image = np.random.default_rng(0).integers(0, 255, (40, 30, channels))
    image = image.astype(dtype)
    box = CropBox(3, 2, 30, 20)
    for resize in (resize_by_pillow, resize_by_torch):
        whole = resize(image, box, (17, 9), kernel)
        assert whole.shape == (17, 9, channels) and whole.dtype == dtype
        for i in range(channels):
            alone = resize(image[..., i : i + 1], box, (17, 9), kernel)
            # Bytes are rounded in different orders.
            np.testing.assert_allclose(whole[..., i], alone[..., 0], atol=1)


@pytest.mark.parametrize('size', [(40, 30), (31, 57), (20, 20)])
@pytest.mark.parametrize('scale', [13, 45])
def test_equal_to_mmpretrain(size, scale):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    theirs = TRANSFORMS.build(
        dict(
            type='mmpretrain.ResizeEdge',
            scale=scale,
            edge='short',
            backend='pillow',
            interpolation='bicubic',
        )
    )
    expected = theirs(dict(img=image))
    found = ResizeShortSide(scale)(dict(img=image))
    assert (found.pop('img') == expected.pop('img')).all()
    assert found == expected


@pytest.mark.parametrize('channels', [1, 4, 12])
def test_any_channels(channels):
    image = np.zeros((8, 12, channels), np.float32)
    found = ResizeShortSide(4, 'bilinear')(dict(img=image))['img']
    assert found.shape == (4, 6, channels) and found.dtype == np.float32


@pytest.mark.parametrize('arguments', [(0,), (5, 'nearest')])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match='scale must be at least 1'):
        ResizeShortSide(*arguments)
