"""Measured rates: their units, and what measuring must not do."""

import pytest
import torch

from mixmae.profiling import peak_flops as module
from mixmae.profiling.peak_flops import measure_peak_flops


@pytest.fixture
def clock(monkeypatch):
    """Makes work take what it would at given rates; notes what was done."""
    done = []

    def seconds(work, device):
        result = work()
        done.append(result)
        per_second = 1e12
        return 2 * result.size(0) ** 3 / per_second

    monkeypatch.setattr(module, '_seconds', seconds)
    # An eighth of the sides, so that the work is soon done.
    sides = tuple(side // 8 for side in module.SIDES['cpu'])
    assert sides == (32, 64, 128, 256)
    monkeypatch.setitem(module.SIDES, 'cpu', sides)
    return done


def test_operations_per_second(clock):
    assert measure_peak_flops() == pytest.approx(1e12)
    assert [x.size(0) for x in clock] == [32, 64, 128, 256] + 5 * [256]


def test_slow_products_stay_small(clock, monkeypatch):
    """On a CPU without bfloat16, a large one would take minutes."""
    monkeypatch.setattr(module, 'SAMPLE_SECONDS', 1e-3 / 8**3)
    assert measure_peak_flops(dtype=torch.bfloat16) == pytest.approx(1e12)
    assert [x.size(0) for x in clock] == [32, 64] + 5 * [64]
    assert clock[0].dtype == torch.bfloat16


def test_measured_here(monkeypatch):
    """Some rate, and the random streams are where they were."""
    monkeypatch.setitem(module.SIDES, 'cpu', (64,))
    state = torch.get_rng_state()
    assert 1e6 < measure_peak_flops('cpu', torch.float32) < 1e15
    assert torch.equal(torch.get_rng_state(), state)
