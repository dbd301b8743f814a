"""Fixtures of all tests: one thread per process, no global state left."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Set before torch, OpenMP or matplotlib are imported.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')
# Trainings started by tests do not inherit a launcher's environment.
os.environ.pop('PORT', None)
os.environ.pop('MASTER_PORT', None)
os.environ.pop('MASTER_ADDR', None)
os.environ.pop('NNODES', None)
os.environ.pop('NODE_RANK', None)

import pytest
from mmengine.registry import DefaultScope
from yapf.yapflib import yapf_api

from tests.full_tier import require_full_tier
from tests.package_samples import build_wheel, copy_sources, environment_with
from tests.quick_start import QuickStart

_formatted: dict[tuple[str, str], Any] = {}


@pytest.fixture(scope='session', autouse=True)
def each_text_is_formatted_once() -> Iterator[None]:
    """Cache yapf: runners format a config four times, which is slow."""
    format_code = yapf_api.FormatCode

    def format_once(text: str, **style: Any) -> Any:
        key = text, repr(style)
        if key not in _formatted:
            _formatted[key] = format_code(text, **style)
        return _formatted[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, 'FormatCode', format_once)
        yield


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's caches unchanged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def full_tier() -> None:
    """Skip without the full tier."""
    require_full_tier()


@pytest.fixture(scope='session')
def package_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is built from."""
    return copy_sources(tmp_path_factory.mktemp('source') / 'mixmae')


@pytest.fixture(scope='session')
def wheel(
    package_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return build_wheel(package_source, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='session')
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel installed."""
    return environment_with(wheel, tmp_path_factory.mktemp('env') / 'venv')


@pytest.fixture(scope='session')
def quick_start(
    installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> QuickStart:
    """The commands of docs/quickstart.md, by the installed wheel."""
    pytest.importorskip('mmpretrain')
    return QuickStart(installed, tmp_path_factory.mktemp('quick start'))


@pytest.fixture(autouse=True)
def own_scope() -> Iterator[None]:
    """Reset the default scope after a test.

    Runners and the loaders of mmdet and mmseg set a scope for the process, in
    which the next test would not find parts of mixmae.
    """
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Kill forked processes of a test; pytest would wait for them."""
    yield
    # Imported here: few tests need this module, which is slow to import.
    forked = sys.modules.get('tests.engine.forked')
    if forked is not None:
        forked.end_all()
