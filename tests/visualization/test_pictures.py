"""Channels of an image that are drawn."""

import pytest
import torch

from mixmae.visualization.pictures import loaded_pixels, shown_bands


def test_shown_bands():
    assert shown_bands(1) == shown_bands(2) == (0, 0, 0)
    assert shown_bands(3) == shown_bands(12) == (0, 1, 2)
    assert shown_bands(12, (9, 4, 0)) == (9, 4, 0)
    assert shown_bands(12, [7]) == (7, 7, 7)


@pytest.mark.parametrize('bands', [(0, 1), (4,), (-1, 0, 1), ()])
def test_no_such_bands(bands):
    with pytest.raises(ValueError, match='from 0 to 3'):
        shown_bands(4, bands)


def test_loaded_images():
    """Three channels are BGR; others keep their order."""
    image = torch.arange(4.0).view(4, 1, 1).expand(4, 2, 2)
    assert loaded_pixels(image)[0, 0].tolist() == [0, 1, 2]
    assert loaded_pixels(image[:3])[0, 0].tolist() == [2, 1, 0]
    assert loaded_pixels(image[1:2])[0, 0].tolist() == [1, 1, 1]
