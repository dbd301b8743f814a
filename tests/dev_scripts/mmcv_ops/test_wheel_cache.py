"""Cache of compiled wheels, without a compiler."""

import sys
from pathlib import Path

import pytest
from mmcv_ops import wheel_cache
from mmcv_ops.messages import OpsError
from mmcv_ops.torch_build import Torch
from mmcv_ops.wheel_cache import cache_root, obtain_wheel, wheel_key

TORCH = Torch('2.12.1+cu130', '13.0', False, '-')


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'mixmae' / 'wheels'


def test_the_cache_is_the_users(cache, monkeypatch) -> None:
    assert cache_root() == cache
    monkeypatch.delenv('XDG_CACHE_HOME')
    assert cache_root() == Path.home() / '.cache' / 'mixmae' / 'wheels'


def test_keys_differ_with_all_a_binary_depends_on() -> None:
    keys = {
        wheel_key(Torch(version, cuda, True, arch), mmcv, ops)
        for version, cuda in (
            ('2.12.1+cu130', '13.0'),
            ('2.12.1+cpu', '-'),
            ('2.11.0+cu130', '13.0'),
        )
        for mmcv in ('2.3.6', '2.3.5')
        for ops, arch in (('cpu', '9.0'), ('cuda', '9.0'), ('cuda', '8.0'))
    }
    assert len(keys) == 3 * 2 * 3
    key = wheel_key(TORCH, '2.3.6', 'cpu')
    assert f'{sys.version_info[0]}.{sys.version_info[1]}' in key
    assert '/' not in key


def obtain(monkeypatch, works: dict[str, bool]) -> tuple[Path, list]:
    """Request a wheel; ``works`` tells which contents can be imported."""
    built = []

    def build_wheel(mmcv, ops, torch, target) -> Path:
        built.append(target)
        wheel = target / f'onedl_mmcv-{mmcv}.whl'
        wheel.write_text('new')
        return wheel

    def wheel_error(wheel, check) -> str | None:
        return None if works[wheel.read_text()] else 'undefined symbol'

    monkeypatch.setattr(wheel_cache, 'build_wheel', build_wheel)
    monkeypatch.setattr(wheel_cache, 'wheel_error', wheel_error)
    return obtain_wheel('2.3.6', 'cpu', TORCH, 'check'), built


def test_built_once_then_taken_from_the_cache(cache, monkeypatch) -> None:
    wheel, built = obtain(monkeypatch, {'new': True})
    assert len(built) == 1 and cache in wheel.parents
    again, built = obtain(monkeypatch, {'new': True})
    assert again == wheel and not built


def test_a_broken_cached_wheel_is_built_again(cache, monkeypatch) -> None:
    wheel, _ = obtain(monkeypatch, {'new': True})
    wheel.write_text('old')
    again, built = obtain(monkeypatch, {'old': False, 'new': True})
    assert len(built) == 1 and again.read_text() == 'new'


def test_a_built_wheel_that_does_not_import_is_not_kept(
    cache, monkeypatch
) -> None:
    with pytest.raises(OpsError, match='undefined symbol'):
        obtain(monkeypatch, {'new': False})
    assert not list(cache.rglob('*.whl'))


def test_the_lock_follows_no_link(tmp_path) -> None:
    (tmp_path / 'precious').write_text('precious')
    (tmp_path / 'cache').mkdir()
    (tmp_path / 'cache' / '.lock').symlink_to(tmp_path / 'precious')
    with pytest.raises(OSError), wheel_cache.locked(tmp_path / 'cache'):
        pass
    assert (tmp_path / 'precious').read_text() == 'precious'
