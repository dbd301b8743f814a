import json

import pytest
import torch

from mixmae.engine import device_rates
from mixmae.engine.device_rates import KINDS, DeviceRates, MeasuredRates


def write_log(folder, *rows, name='20260101_000000'):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, rows)))
    return path


ROW = dict(matmul_mfu=0.5, matmul_tflops=600.0, memory=1024)


def test_gpus_as_their_vendor_says():
    h200 = DeviceRates.of('h200', 'auto')
    assert (h200.dtype, h200.peak) == (torch.bfloat16, 989e12)
    assert '[official number]' in h200.peak_source
    assert DeviceRates.of('h200', 'float32').peak == 67e12
    # It has no bfloat16; float16 has to be asked for.
    v100 = DeviceRates.of('v100', 'auto')
    assert (v100.dtype, v100.peak) == (torch.float32, 15.7e12)
    assert DeviceRates.of('v100', 'float16').peak == 125e12
    for kind in set(KINDS) - {'cpu'}:
        one = DeviceRates.of(kind, 'float16')
        assert 1e14 < one.peak < 1e15 and 1e10 < one.memory < 2e11
        assert 5e11 < one.bandwidth < 5e12


def test_this_machine(monkeypatch):
    monkeypatch.setattr(device_rates, 'matmul_rate', lambda *_: 3e10)
    monkeypatch.setattr(device_rates, 'memory_rate', lambda *_: 5e9)
    cpu = DeviceRates.of('cpu', 'float32')
    assert (cpu.type, cpu.peak, cpu.bandwidth) == ('cpu', 3e10, 5e9)
    assert cpu.process < cpu.memory
    with pytest.raises(ValueError, match='dtype must be'):
        DeviceRates.of('cpu', 'int8')


def test_a_log(tmp_path):
    """Medians, for single lines are disturbed."""
    rows = [{'loss': 1.0}] + [
        {**ROW, 'matmul_mfu': x} for x in (0.1, 0.5, 0.4)
    ]
    write_log(tmp_path, dict(loss=1.0))
    path = write_log(tmp_path, *rows, name='20260102_000000')
    for given in (path, tmp_path):
        found = MeasuredRates.of_log(str(given))
        assert found.flops == pytest.approx(0.4 * 600e12)
        assert found.matmul == pytest.approx(600e12)


def test_what_is_no_log(tmp_path):
    with pytest.raises(ValueError, match='there is no log'):
        MeasuredRates.of_log(str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='holds no vis_data'):
        MeasuredRates.of_log(str(tmp_path))
    path = write_log(tmp_path, dict(loss=1.0))
    with pytest.raises(ValueError, match='has no matmul_mfu'):
        MeasuredRates.of_log(str(path))
    path.write_text('no JSON')
    with pytest.raises(ValueError, match='is no log of a run'):
        MeasuredRates.of_log(str(path))
