"""Signed distances and coverage of shapes."""

import numpy as np
import pytest

from mixmae.datasets.scenes import signed_distances

SIDE = 200
PIXEL = 3.0 / SIDE
Y, X = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) * PIXEL - 1.5


def area(distance):
    return float(signed_distances.coverage(distance, PIXEL).sum()) * PIXEL**2


@pytest.mark.parametrize(
    'distance, expected',
    [
        (signed_distances.circle(X, Y, 0.8), np.pi * 0.64),
        (signed_distances.ellipse(X, Y, 0.9, 0.5), np.pi * 0.45),
        (signed_distances.box(X, Y, 0.9, 0.4), 4 * 0.36),
        (signed_distances.triangle(X, Y, ((0, -1), (1, 1), (-1, 1))), 2.0),
        (
            signed_distances.union(
                signed_distances.box(X + 0.5, Y, 0.2, 0.5),
                signed_distances.box(X - 0.5, Y, 0.2, 0.5),
            ),
            0.8,
        ),
    ],
)
def test_areas(distance, expected):
    assert area(distance) == pytest.approx(expected, rel=0.01)


def test_coverage_runs_from_inside_to_outside():
    values = signed_distances.coverage(
        np.array([-2.0, -0.25, 0.0, 0.25, 2.0]), 1.0
    )
    assert values.tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_lens_ends_in_its_tips():
    x = np.array([0.0, 0.0, 0.99, 1.01])
    y = np.array([0.39, 0.41, 0.0, 0.0])
    assert (signed_distances.lens(x, y, 0.4) < 0).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_rosette_has_its_lobes():
    turn = np.linspace(0, 2 * np.pi, 1001)[:-1]
    ring = signed_distances.rosette(
        0.8 * np.sin(turn), -0.8 * np.cos(turn), 6, 0.5, 0
    )
    inside = ring < 0
    assert inside[0]
    assert np.count_nonzero(inside & ~np.roll(inside, 1)) == 6


def test_blend_only_adds():
    first, second = (
        signed_distances.circle(X + 0.5, Y, 0.6),
        signed_distances.circle(X - 0.5, Y, 0.6),
    )
    assert (
        signed_distances.union(first, second, 0.3)
        <= signed_distances.union(first, second)
    ).all()
