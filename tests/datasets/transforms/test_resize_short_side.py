"""ResizeShortSide: mmpretrain's ResizeEdge for any number of channels."""

import numpy as np
import pytest

from mixmae.datasets.transforms import ResizeShortSide
from mixmae.registry import TRANSFORMS


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
