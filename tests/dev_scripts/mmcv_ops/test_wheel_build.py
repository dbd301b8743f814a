"""Build commands of the wheel, without a compiler."""

from mmcv_ops.torch_build import Torch
from mmcv_ops.wheel_build import build_environment


def test_a_cpu_build_sees_no_gpu(monkeypatch) -> None:
    monkeypatch.setenv('CUDA_HOME', '/somewhere')
    monkeypatch.delenv('MAX_JOBS', raising=False)
    torch = Torch('2.12.1+cu130', '13.0', False, '-')
    environment = build_environment('cpu', torch)
    assert environment['FORCE_CUDA'] == '0'
    assert environment['CUDA_VISIBLE_DEVICES'] == ''
    assert environment['MMCV_WITH_OPS'] == '1'
    assert 'CUDA_HOME' not in environment
    assert int(environment['MAX_JOBS']) >= 1
