"""Invalid boxes and masks."""

import numpy as np
import pytest

from mixmae.datasets.labels.instance_faults import (
    box_fault,
    invalid_polygons,
    mask_fault,
)

TRIANGLE = [0, 0, 4, 0, 4, 4]


@pytest.mark.parametrize(
    'box',
    [
        [0, 0, 20, 10],
        [3.5, 2.25, 3.75, 9],
        [-0.6, -1, 20.99, 11],
        np.array([1.0, 2.0, 3.0, 4.0], np.float32),
    ],
)
def test_valid_boxes(box):
    assert box_fault(box, width=20, height=10) is None


@pytest.mark.parametrize(
    'box, words',
    [
        ([0, 0, 20, 11.5], '1.5 px beyond the image of 20 x 10'),
        ([0, 0, 22, 10], '2 px beyond'),
        ([-3, 0, 20, 10], '3 px beyond'),
        ([0, -3, 20, 10], '3 px beyond'),
        ([30, 0, 40, 10], '20 px beyond'),
        ([5, 1, 5, 9], 'empty or inverted'),
        ([1, 9, 5, 2], 'empty or inverted'),
        ([float('nan'), 0, 5, 5], 'not finite'),
        ([0, 0, float('inf'), 5], 'not finite'),
        ([0, 0, 10**400, 5], 'not finite'),
        ([0, 0, 5], 'four numbers'),
        ([0, 0, 5, '5'], 'four numbers'),
        (None, 'four numbers'),
    ],
)
def test_invalid_boxes(box, words):
    assert words in box_fault(box, width=20, height=10)


def test_the_tolerance_can_be_chosen():
    box = [0, 0, 24, 10]
    assert box_fault(box, 20, 10, tolerance=4) is None
    assert box_fault(box, 20, 10, tolerance=3.9) is not None


@pytest.mark.parametrize(
    'mask',
    [
        [TRIANGLE],
        # mmdet leaves the second out and keeps the object.
        [TRIANGLE, [0, 0, 1, 1]],
        {'size': [10, 20], 'counts': [150, 50]},
        {'size': [10, 20], 'counts': 'compressed'},
        {'size': [10, 20], 'counts': b'compressed'},
        np.zeros((10, 20), bool),
    ],
)
def test_valid_masks(mask):
    assert mask_fault(mask, width=20, height=10) is None


@pytest.mark.parametrize(
    'mask, words',
    [
        ([[0, 0, 4, 4]], 'three points'),
        ([[0, 0, 4, 4, 2, 2, 1]], 'three points'),
        ([], 'empty'),
        ([[0, 0, 4, 0, 4, float('nan')]], 'not finite'),
        ([[0, 0, 4, 0, 4, 10**400]], 'not finite'),
        ([[0, 0, 4, 0, 4, 'x']], 'values that are not numbers'),
        ([1, 2, 3], 'three points'),
        (7, 'neither polygons nor run lengths'),
        ({'size': [20, 10], 'counts': 'x'}, '10 x 20 px (width x height)'),
        ({'size': [10], 'counts': 'x'}, 'not [height, width]'),
        ({'size': [10, 20]}, 'no counts'),
        ({'size': [10, 20], 'counts': [150, 49]}, '199 pixels in total'),
        ({'size': [10, 20], 'counts': [-50, 250]}, '200 pixels in total'),
        ({'size': [10, 20], 'counts': ['x']}, 'not numbers'),
        (np.zeros((20, 10), bool), '10 x 20 px (width x height)'),
    ],
)
def test_invalid_masks(mask, words):
    assert words in mask_fault(mask, width=20, height=10)


def test_invalid_polygons_are_counted():
    assert invalid_polygons([TRIANGLE, [0, 0, 1, 1], [1], 5]) == 3
    assert invalid_polygons({'size': [1, 1], 'counts': [1]}) == 0
