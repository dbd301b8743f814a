import numpy as np
import pytest

from mixmae.visualization.reconstruction_panel import HEADING, stacked_panels


def panel(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_panels_stand_below_each_other_under_their_heading():
    stack = stacked_panels([('a', panel(40, 90, 7)), ('b', panel(20, 60, 9))])
    assert stack.shape == (40 + 20 + 2 * HEADING, 90, 3)
    assert (stack[HEADING : HEADING + 40] == 7).all()
    second = stack[2 * HEADING + 40 :]
    assert (second[:, :60] == 9).all() and (second[:, 60:] == 255).all()
    for top in (0, HEADING + 40):
        assert (stack[top : top + HEADING] < 128).any()


def test_a_long_heading_is_not_cut():
    stack = stacked_panels([('long ' * 30, panel(40, 90, 7))])
    assert stack.shape[1] > 500
    assert (stack[:, -10:] == 255).all()


def test_needs_a_panel():
    with pytest.raises(ValueError, match='at least one'):
        stacked_panels([])
