"""Crops are drawn as mmpretrain draws them."""

import numpy as np
import pytest
from mmpretrain.datasets import RandomResizedCrop

from mixmae.datasets.images.crop_box import CropRange

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
def test_same_numbers_in_the_same_order(size, area, aspect, attempts):
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
        # An empty crop is of no use to anybody.
        assert box == (*wanted[:2], max(1, wanted[2]), max(1, wanted[3]))
        # What is drawn afterwards is the same, too.
        assert np.array_equal(state[0], np.random.get_state()[1])
        assert state[1] == np.random.get_state()[2]
        assert box.top >= 0 and box.top + box.height <= size[0]
        assert box.left >= 0 and box.left + box.width <= size[1]
        assert min(box.height, box.width) > 0
