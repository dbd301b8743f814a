"""Times by hand, and what is fitted to a time."""

import pytest

from mixmae.engine.flops import TrainingWork
from mixmae.engine.step_time import StepTime

WORK = TrainingWork(flops=100.0, moved=60.0, operations=7)
STEP = StepTime(rate=50.0, bandwidth=30.0, call=0.5)


def test_by_hand():
    assert STEP.seconds(WORK, 3) == 3 * (2.0 + 2.0) + 3.5
    assert STEP._replace(pace=2.0).seconds(WORK, 3) == 31.0


def test_what_is_left_is_traffic():
    """Of 21.5 seconds products and calls take 9.5."""
    found = STEP.fitted(WORK, 3, 21.5)
    assert found == STEP._replace(bandwidth=15.0)
    assert found.seconds(WORK, 3) == 21.5


@pytest.mark.parametrize('seconds', [15.4, 9.0, 1.0])
def test_no_faster_than_the_memory(seconds):
    """Then everything was faster than it should be."""
    found = STEP.fitted(WORK, 3, seconds)
    assert found.bandwidth == 30.0
    assert found.pace == pytest.approx(seconds / 15.5)
    assert found.seconds(WORK, 3) == pytest.approx(seconds)


def test_a_network_that_moves_nothing():
    found = STEP.fitted(WORK._replace(moved=0.0), 3, 19.0)
    assert found.pace == 2.0


def test_another_network():
    """Half the products, twice the traffic."""
    found = STEP.fitted(WORK, 3, 21.5)
    other = TrainingWork(50.0, 120.0, 1)
    assert found.seconds(other, 2) == 2 * (1.0 + 8.0) + 0.5
