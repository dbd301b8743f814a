"""Throughput, with a simulated clock."""

import pytest
import torch

from mixmae.profiling import throughput as module
from mixmae.profiling.throughput import Throughput, measure_peak_flops


@pytest.fixture
def rates(monkeypatch):
    """Simulate operations at given rates, and record them."""
    done = []

    def seconds(work, device):
        result = work()
        done.append(result)
        per_second = 1e12
        return 2 * result.size(0) ** 3 / per_second

    monkeypatch.setattr(module, '_seconds', seconds)
    # An eighth of the sides, to save time.
    sides = tuple(side // 8 for side in module.SIDES['cpu'])
    assert sides == (32, 64, 128, 256)
    monkeypatch.setitem(module.SIDES, 'cpu', sides)
    return done


def test_operations_per_second(rates):
    assert measure_peak_flops() == pytest.approx(1e12)
    assert [x.size(0) for x in rates] == [32, 64, 128, 256] + 5 * [256]


def test_slow_products_stay_small(rates, monkeypatch):
    """On a CPU without bfloat16 a large product would take minutes."""
    monkeypatch.setattr(module, 'SAMPLE_SECONDS', 1e-3 / 8**3)
    assert measure_peak_flops(dtype=torch.bfloat16) == pytest.approx(1e12)
    assert [x.size(0) for x in rates] == [32, 64] + 5 * [64]
    assert rates[0].dtype == torch.bfloat16


def test_a_measured_rate_is_plausible(monkeypatch):
    """A positive rate, and unchanged random states."""
    monkeypatch.setitem(module.SIDES, 'cpu', (64,))
    state = torch.get_rng_state()
    assert 1e6 < measure_peak_flops('cpu', torch.float32) < 1e15
    assert torch.equal(torch.get_rng_state(), state)


class Clock:
    """Clock with a settable time."""

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


def test_rates_are_none_during_the_warm_up(clock):
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
    """Late and short batches are weighted by their time."""
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


def test_a_pause_counts_in_the_remaining_time_only(clock):
    throughput = Throughput(warm_up=0, clock=clock)
    iterate(throughput, clock)
    clock.now += 32.0
    throughput.resume()
    iterate(throughput, clock)
    assert throughput.images_per_second == 2.0
    assert throughput.data_wait == 0.25
    assert throughput.seconds_for(1) == (4 + 32 + 4) / 2


def test_excused_seconds_are_excluded(clock):
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
