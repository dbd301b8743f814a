import json

import pytest
import torch

from mixmae.engine import device_rates
from mixmae.engine.device_rates import KINDS, DeviceRates, MeasuredRates
from mixmae.engine.flops import TrainingWork


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
    monkeypatch.setattr(device_rates, 'operation_seconds', lambda: 2e-5)
    cpu = DeviceRates.of('cpu', 'float32')
    assert (cpu.type, cpu.peak, cpu.bandwidth) == ('cpu', 3e10, 5e9)
    assert cpu.call == 2e-5
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


def log_of(folder, **changes):
    """100 images of 1 GFLOP and 2 GB take 10 s, of which they wait 2."""
    row = dict(
        matmul_mfu=0.1,
        matmul_tflops=0.1,
        data_wait=0.2,
        gflops_per_image=1.0,
        moved_gb_per_image=2.0,
        operations=1000,
        batch_size=5,
    )
    return MeasuredRates.of_log(str(write_log(folder, {**row, **changes})))


CPU = DeviceRates('cpu', 'cpu', torch.float32, 2e11, '', 1e9, 1e12, 1e9, 1e-4)


def test_waiting_for_data_is_no_work(tmp_path):
    found = log_of(tmp_path)
    assert found.flops == pytest.approx(12.5e9)
    assert found.work == TrainingWork(1e9, 2e9, 1000)
    assert found.batch == 5


def test_what_a_run_took_is_divided(tmp_path):
    """0.4 s: products 0.05 s, calls 0.2 s, as the machine is half as fast."""
    run = log_of(tmp_path)
    step = run.step_time(CPU)
    assert step.rate == pytest.approx(1e11)
    assert step.call == pytest.approx(2e-4)
    assert step.bandwidth == pytest.approx(10e9 / 0.15)
    assert step.seconds(run.work, 5) == pytest.approx(0.4)


def test_a_gpu_works_while_it_is_called(tmp_path):
    """0.35 s are left of 0.4."""
    gpu = CPU._replace(kind='h200', type='cuda')
    step = log_of(tmp_path).step_time(gpu)
    assert step.call == 0
    assert step.bandwidth == pytest.approx(10e9 / 0.35)


def test_logs_that_do_not_say_what_was_trained(tmp_path):
    run = MeasuredRates.of_log(str(write_log(tmp_path, ROW)))
    assert run.work is None and run.step_time(CPU) is None


def test_what_is_no_log(tmp_path):
    with pytest.raises(ValueError, match='there is no log'):
        MeasuredRates.of_log(str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='holds no vis_data'):
        MeasuredRates.of_log(str(tmp_path))
    path = write_log(tmp_path, dict(loss=1.0))
    with pytest.raises(ValueError, match='has no matmul_mfu'):
        MeasuredRates.of_log(str(path))
    path.write_text(json.dumps({**ROW, 'moved_gb_per_image': 1.0}))
    with pytest.raises(ValueError, match='is no log of a run'):
        MeasuredRates.of_log(str(path))
    path.write_text('no JSON')
    with pytest.raises(ValueError, match='is no log of a run'):
        MeasuredRates.of_log(str(path))
