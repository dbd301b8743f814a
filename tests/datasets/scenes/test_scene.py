"""Polygons and run lengths of masks."""

import cv2
import numpy as np
import pytest

from mixmae.datasets.scenes.scene import polygon, run_lengths


def shoelace(outline):
    x, y = np.array(outline).reshape(-1, 2).T
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def decode(counts, shape):
    values = np.arange(len(counts)) % 2
    return np.repeat(values, counts).reshape(shape, order='F').astype(bool)


def blob(seed, side=24):
    """Return a connected mask without holes."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((side, side), np.uint8)
    points = rng.integers(0, side, size=(7, 2)).astype(np.int32)
    cv2.fillPoly(canvas, [cv2.convexHull(points)], 1)
    canvas[: side // 3, : side // 3] = 0
    labels = cv2.connectedComponents(canvas, connectivity=4)[1]
    largest = np.bincount(labels.ravel(), minlength=2)[1:].argmax() + 1
    return labels == largest


@pytest.mark.parametrize('seed', range(12))
def test_area_of_the_polygon_is_that_of_the_mask(seed):
    mask = blob(seed)
    outline = polygon(mask)
    assert outline is not None
    assert shoelace(outline) == mask.sum()
    x, y = np.array(outline).reshape(-1, 2).T
    rows, columns = np.nonzero(mask)
    assert (x.min(), x.max()) == (columns.min(), columns.max() + 1)
    assert (y.min(), y.max()) == (rows.min(), rows.max() + 1)


def test_a_single_pixel():
    mask = np.zeros((3, 3), bool)
    mask[1, 2] = True
    assert polygon(mask) == [2, 1, 3, 1, 3, 2, 2, 2]


def test_diagonal_pixels_of_one_piece():
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    outline = polygon(mask)
    assert outline is None or shoelace(outline) == mask.sum()


def test_no_polygon_for_several_pieces_holes_and_empty_masks():
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    pieces = np.zeros((5, 5), bool)
    pieces[0, 0] = pieces[4, 4] = True
    diagonal = np.eye(3, dtype=bool)
    for mask in (ring, pieces, diagonal, np.zeros((3, 3), bool)):
        assert polygon(mask) is None


@pytest.mark.parametrize('seed', range(5))
def test_run_lengths(seed):
    mask = np.random.default_rng(seed).random((7, 5)) < 0.5
    counts = run_lengths(mask)
    assert sum(counts) == mask.size
    assert (decode(counts, mask.shape) == mask).all()
    assert all(count > 0 for count in counts[1:])


def test_run_lengths_start_with_zeros():
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]
    assert run_lengths(np.zeros((2, 2), bool)) == [4]


@pytest.mark.parametrize('seed', range(6))
def test_pycocotools_reads_both(seed):
    coco = pytest.importorskip('pycocotools.mask')
    mask = blob(seed)
    height, width = mask.shape
    run = coco.frPyObjects(
        {'size': [height, width], 'counts': run_lengths(mask)}, height, width
    )
    assert (coco.decode(run) == mask).all()
    filled = coco.frPyObjects([polygon(mask)], height, width)
    assert (coco.decode(filled)[..., 0] == mask).all()
