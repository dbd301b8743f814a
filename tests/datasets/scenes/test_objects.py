"""Painters of scene objects."""

import numpy as np
import pytest

from mixmae.datasets.scenes.objects import CLASSES, KINDS

SIDE = 64
PIXEL = 3.0 / SIDE
Y, X = ((np.mgrid[0:SIDE, 0:SIDE] + 0.5) * PIXEL - 1.5).astype(np.float32)


@pytest.mark.parametrize('kind', KINDS, ids=CLASSES)
@pytest.mark.parametrize('seed', range(4))
def test_surface(kind, seed):
    surface = kind.painter(X, Y, PIXEL, np.random.default_rng(seed))
    assert surface.distance.shape == (SIDE, SIDE)
    assert surface.albedo.shape == (SIDE, SIDE, 3)
    assert np.isfinite(surface.distance).all()
    assert surface.albedo.min() >= 0 and surface.albedo.max() <= 1
    assert 0 < surface.bevel <= 1 and 0 <= surface.gloss <= 1
    inside = surface.distance < 0
    # Sizes are relative to the unit disc; Kind sets natural sizes.
    assert 0.5 < inside.sum() * PIXEL**2 < 3.2
    assert not inside[[0, -1]].any() and not inside[:, [0, -1]].any()


@pytest.mark.parametrize('kind', KINDS, ids=CLASSES)
def test_random_draws_do_not_depend_on_the_resolution(kind):
    states = []
    for step in (1, 2):
        rng = np.random.default_rng(0)
        kind.painter(X[::step, ::step], Y[::step, ::step], PIXEL, rng)
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]


def test_names_are_sorted_as_folders_are():
    assert list(CLASSES) == sorted(set(CLASSES))
    assert len(CLASSES) == 10
