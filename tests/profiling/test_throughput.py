"""Rates of iterations on a clock that is set by hand."""

import pytest

from mixmae.profiling.throughput import Throughput


class Clock:
    """Shows what it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def iterate(throughput, clock, images=8, wait=1.0, step=3.0):
    clock.now += wait
    throughput.fetched()
    clock.now += step
    throughput.done(images)


def test_nothing_is_known_before_the_warm_up_is_over(clock):
    throughput = Throughput(warm_up=2, clock=clock)
    for _ in range(2):
        iterate(throughput, clock, wait=50.0, step=1000.0)
        assert throughput.images_per_second is None
        assert throughput.data_wait is None
        assert throughput.seconds_for(10) is None
    iterate(throughput, clock)
    assert throughput.images_per_second == 2.0
    assert throughput.data_wait == 0.25
    assert throughput.seconds_for(10) == 40.0


def test_shares_are_of_time_not_of_iterations(clock):
    """A batch that comes late weighs as much as it takes; a short one too."""
    throughput = Throughput(warm_up=0, clock=clock)
    iterate(throughput, clock)
    iterate(throughput, clock, wait=9.0)
    iterate(throughput, clock, images=2)
    assert throughput.images_per_second == pytest.approx(18 / 20)
    assert throughput.data_wait == pytest.approx(11 / 20)


def test_rates_are_those_of_the_window(clock):
    throughput = Throughput(window=2, warm_up=0, clock=clock)
    iterate(throughput, clock, wait=100.0)
    for _ in range(2):
        iterate(throughput, clock)
    assert throughput.images_per_second == 2.0
    assert throughput.data_wait == 0.25


def test_a_pause_counts_in_the_time_that_is_left_alone(clock):
    throughput = Throughput(warm_up=0, clock=clock)
    iterate(throughput, clock)
    clock.now += 32.0
    throughput.resume()
    iterate(throughput, clock)
    assert throughput.images_per_second == 2.0
    assert throughput.data_wait == 0.25
    assert throughput.seconds_for(1) == (4 + 32 + 4) / 2


def test_excused_seconds_count_nowhere(clock):
    throughput = Throughput(warm_up=0, clock=clock)
    iterate(throughput, clock)
    clock.now += 1.0
    throughput.fetched()
    with throughput.excused():
        clock.now += 100.0
    clock.now += 3.0
    throughput.done(8)
    assert throughput.images_per_second == 2.0
    assert throughput.data_wait == 0.25
    assert throughput.seconds_for(1) == 4.0
