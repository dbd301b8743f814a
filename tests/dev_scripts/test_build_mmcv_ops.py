"""Script that builds mmcv's ops, without a build."""

import subprocess
import sys
from pathlib import Path

import build_mmcv_ops
import pytest
from mmcv_ops import environment, wheel_build, wheel_cache
from mmcv_ops.messages import OpsError
from mmcv_ops.torch_build import Torch

SCRIPT = Path(__file__).parents[2] / '.dev_scripts' / 'build_mmcv_ops.py'


def test_runs_from_any_folder_on_the_standard_library(tmp_path) -> None:
    # -S hides site-packages: it is called when little is installed.
    done = subprocess.run(
        [sys.executable, '-S', str(SCRIPT), '--help'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '--wheel-only' in done.stdout


def test_a_failed_build_leaves_the_environment_alone(
    tmp_path, monkeypatch, capsys
) -> None:
    calls = []

    def fail(*arguments) -> Path:
        raise OpsError('the compiler said no')

    torch = Torch('2.12.1+cu130', '13.0', False, '-')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(build_mmcv_ops, 'installed_version', lambda: None)
    monkeypatch.setattr(build_mmcv_ops, 'probe_torch', lambda: torch)
    monkeypatch.setattr(wheel_cache, 'build_wheel', fail)
    for module in (environment, wheel_build):
        monkeypatch.setattr(module, 'pip', lambda *a, **k: calls.append(a))
    monkeypatch.setattr(sys, 'argv', ['build_mmcv_ops.py', '--ops', 'cpu'])
    assert build_mmcv_ops.main() == 1
    assert not calls
    assert 'the compiler said no' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('wanted', 'tried', 'status'),
    [('auto', ['cuda', 'cpu'], 0), ('cuda', ['cuda'], 1)],
)
def test_auto_falls_back_to_the_cpu(
    monkeypatch, wanted, tried, status
) -> None:
    calls = []

    def install(mmcv, ops, torch, wheel_only) -> None:
        calls.append(ops)
        if ops == 'cuda':
            raise OpsError('nvcc said no')

    gpu = Torch('2.12.1+cu130', '13.0', True, '9.0')
    monkeypatch.setattr(build_mmcv_ops, 'probe_torch', lambda: gpu)
    monkeypatch.setattr(build_mmcv_ops, 'nvcc_release', lambda home: '13.0')
    monkeypatch.setattr(build_mmcv_ops, 'install', install)
    monkeypatch.setattr(sys, 'argv', ['build_mmcv_ops.py', '--ops', wanted])
    assert build_mmcv_ops.main() == status
    assert calls == tried
