"""The cache of compiled wheels, without compiling anything."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TORCH = ('2.12.1+cu130', '13.0', False, '-')


@pytest.fixture(scope='module')
def script() -> ModuleType:
    path = ROOT / '.dev_scripts' / 'build_mmcv_ops.py'
    spec = importlib.util.spec_from_file_location('build_mmcv_ops', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up.
    sys.modules['build_mmcv_ops'] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'mixmae' / 'wheels'


def test_the_cache_is_the_users(script, cache, monkeypatch) -> None:
    assert script.cache_root() == cache
    monkeypatch.delenv('XDG_CACHE_HOME')
    assert script.cache_root() == Path.home() / '.cache' / 'mixmae' / 'wheels'


def test_pinned(script) -> None:
    assert script.pinned('mmcv-lite') == '2.2.0'
    with pytest.raises(script.OpsError, match='no-such-package'):
        script.pinned('no-such-package')


@pytest.mark.parametrize(
    ('wanted', 'gpu', 'nvcc', 'ops'),
    [
        ('auto', False, None, 'cpu'),
        # A CUDA torch and a CUDA compiler, but no GPU.
        ('auto', False, '13.0', 'cpu'),
        ('auto', True, None, 'cpu'),
        ('auto', True, '12.8', 'cpu'),
        ('auto', True, '13.1', 'cuda'),
        ('cpu', True, '13.0', 'cpu'),
        ('cuda', False, None, 'cuda'),
    ],
)
def test_choose_ops(script, wanted, gpu, nvcc, ops) -> None:
    torch = script.Torch('2.12.1+cu130', '13.0', gpu, '9.0')
    assert script.choose_ops(wanted, torch, nvcc) == ops


def test_keys_differ_with_all_a_binary_depends_on(script) -> None:
    keys = {
        script.wheel_key(script.Torch(version, cuda, True, arch), mmcv, ops)
        for version, cuda in (
            ('2.12.1+cu130', '13.0'),
            ('2.12.1+cpu', '-'),
            ('2.11.0+cu130', '13.0'),
        )
        for mmcv in ('2.3.6', '2.3.5')
        for ops, arch in (('cpu', '9.0'), ('cuda', '9.0'), ('cuda', '8.0'))
    }
    assert len(keys) == 3 * 2 * 3
    key = script.wheel_key(script.Torch(*TORCH), '2.3.6', 'cpu')
    assert f'{sys.version_info[0]}.{sys.version_info[1]}' in key
    assert '/' not in key


def test_a_cpu_build_sees_no_gpu(script, monkeypatch) -> None:
    monkeypatch.setenv('CUDA_HOME', '/somewhere')
    monkeypatch.delenv('MAX_JOBS', raising=False)
    environment = script.build_environment('cpu', script.Torch(*TORCH))
    assert environment['FORCE_CUDA'] == '0'
    assert environment['CUDA_VISIBLE_DEVICES'] == ''
    assert environment['MMCV_WITH_OPS'] == '1'
    assert 'CUDA_HOME' not in environment
    assert int(environment['MAX_JOBS']) >= 1


def obtain(script, monkeypatch, works: dict[str, bool]) -> tuple[Path, list]:
    """Ask for a wheel where ``works`` says which content would import."""
    built = []

    def build_wheel(mmcv, ops, torch, target) -> Path:
        built.append(target)
        wheel = target / f'onedl_mmcv-{mmcv}.whl'
        wheel.write_text('new')
        return wheel

    def wheel_error(wheel, check) -> str | None:
        return None if works[wheel.read_text()] else 'undefined symbol'

    monkeypatch.setattr(script, 'build_wheel', build_wheel)
    monkeypatch.setattr(script, 'wheel_error', wheel_error)
    torch = script.Torch(*TORCH)
    return script.obtain_wheel('2.3.6', 'cpu', torch, 'check'), built


def test_built_once_then_taken_from_the_cache(
    script, cache, monkeypatch
) -> None:
    wheel, built = obtain(script, monkeypatch, {'new': True})
    assert len(built) == 1 and cache in wheel.parents
    again, built = obtain(script, monkeypatch, {'new': True})
    assert again == wheel and not built


def test_a_broken_cached_wheel_is_built_anew(
    script, cache, monkeypatch
) -> None:
    wheel, _ = obtain(script, monkeypatch, {'new': True})
    wheel.write_text('old')
    again, built = obtain(script, monkeypatch, {'old': False, 'new': True})
    assert len(built) == 1 and again.read_text() == 'new'


def test_a_built_wheel_that_does_not_import_is_not_kept(
    script, cache, monkeypatch
) -> None:
    with pytest.raises(script.OpsError, match='undefined symbol'):
        obtain(script, monkeypatch, {'new': False})
    assert not list(cache.rglob('*.whl'))


def test_a_failed_build_leaves_the_environment_alone(
    script, cache, monkeypatch, capsys
) -> None:
    calls = []

    def fail(*arguments) -> Path:
        raise script.OpsError('the compiler said no')

    monkeypatch.setattr(script, 'installed_version', lambda: None)
    monkeypatch.setattr(script, 'probe_torch', lambda: script.Torch(*TORCH))
    monkeypatch.setattr(script, 'build_wheel', fail)
    monkeypatch.setattr(script, 'pip', lambda *a, **k: calls.append(a))
    monkeypatch.setattr(sys, 'argv', ['build_mmcv_ops.py', '--ops', 'cpu'])
    assert script.main() == 1
    assert not calls
    assert 'the compiler said no' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('wanted', 'tried', 'status'),
    [('auto', ['cuda', 'cpu'], 0), ('cuda', ['cuda'], 1)],
)
def test_auto_falls_back_to_the_cpu(
    script, monkeypatch, wanted, tried, status
) -> None:
    calls = []

    def install(mmcv, ops, torch, wheel_only) -> None:
        calls.append(ops)
        if ops == 'cuda':
            raise script.OpsError('nvcc said no')

    gpu = script.Torch('2.12.1+cu130', '13.0', True, '9.0')
    monkeypatch.setattr(script, 'probe_torch', lambda: gpu)
    monkeypatch.setattr(script, 'nvcc_release', lambda home: '13.0')
    monkeypatch.setattr(script, 'install', install)
    monkeypatch.setattr(sys, 'argv', ['build_mmcv_ops.py', '--ops', wanted])
    assert script.main() == status
    assert calls == tried


def test_a_failed_swap_brings_mmcv_lite_back(script, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(script, 'pip', lambda *a, **k: calls.append(a))
    monkeypatch.setattr(script, 'run_check', lambda check: 'no')
    with pytest.raises(script.OpsError, match='does not import: no'):
        script.swap_in(Path('some.whl'), 'check')
    assert calls[-1] == ('install', '--no-deps', 'mmcv-lite==2.2.0')
