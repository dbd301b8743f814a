"""Selection of wheels for offline installation, without downloads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

SCRIPT = ROOT / '.dev_scripts' / 'wheelhouse.sh'


@pytest.fixture
def pins():
    return load_tool(SCRIPT.with_name('wheel_pins.py'))


def wheelhouse(
    *arguments: str, cwd: Path = ROOT, python: str = sys.executable
) -> subprocess.CompletedProcess:
    return subprocess.run(
        ['sh', str(SCRIPT), *arguments],
        cwd=cwd,
        env={**os.environ, 'PYTHON': python},
        capture_output=True,
        text=True,
        check=False,
    )


def names(lines: list[str]) -> set[str]:
    return {line.split('==')[0] for line in lines}


def test_help():
    done = wheelhouse('--help')
    assert done.returncode == 0
    assert '[DIR] [--has NAME ...] [--list]' in done.stdout


def test_lists_without_fetching(tmp_path):
    folder = tmp_path / 'wheels'
    done = wheelhouse(str(folder), '--list')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split()
    assert {
        'mmcv-lite',
        'onedl-mmengine',
        'onedl-mmpretrain',
        'safetensors',
        # Their dependencies.
        'addict',
        'einops',
        'rich',
        'yapf',
    } <= names(lines)
    assert not folder.exists()


def test_foreign_wheels_are_not_removed(tmp_path):
    """DIR is relative to the caller's folder; python=false ends the script."""
    wheel = tmp_path / 'mine' / 'precious-1.0-py3-none-any.whl'
    wheel.parent.mkdir()
    wheel.touch()
    done = wheelhouse('mine', cwd=tmp_path, python='false')
    assert done.returncode == 2 and wheel.exists()
    assert f'error: {wheel.parent} has wheels of others' in done.stderr
    # Wheels of an earlier run are accepted.
    (wheel.parent / '.wheelhouse').touch()
    done = wheelhouse('mine', cwd=tmp_path, python='false')
    assert done.returncode == 1 and wheel.exists() and not done.stderr


def test_all_dependencies_except_torch_are_selected(pins):
    """Every dependency of a selected wheel is selected or present."""
    lacking = names(pins.pins('3.12', pins.USUALLY_THERE))
    machine = pins.target('3.12')
    there = set(pins.ALWAYS_THERE) | set(pins.USUALLY_THERE)
    known = lacking | pins.closure(there, machine, set())
    for name in lacking:
        assert pins.needs(name, machine) <= known, name
    tier = {one.name for file in pins.TIER for one in pins.read(file)}
    assert tier <= known
    for name in lacking:
        assert name not in there
        assert not name.startswith(('torch', 'nvidia', 'triton', 'cuda'))


def test_markers_are_those_of_the_given_python(pins):
    """Pip evaluates markers for its own Python."""
    found = {
        python: dict(
            line.split('==') for line in pins.pins(python, has=['pillow'])
        )
        for python in ('3.11', '3.12')
    }
    constraints = (ROOT / 'requirements' / 'constraints.txt').read_text()
    for python, condition in (('3.11', '=='), ('3.12', '>=')):
        line = f'contourpy=={found[python]["contourpy"]}; '
        line += f"python_version {condition} '{python}'"
        assert line in constraints.splitlines()
    assert found['3.11']['contourpy'] != found['3.12']['contourpy']


def test_installed_packages_are_left_out(pins):
    all_ = names(pins.pins('3.12', []))
    some = names(pins.pins('3.12', ['matplotlib', 'nothing-known-here']))
    assert {'matplotlib', 'fonttools', 'opencv-python-headless'} <= all_
    # Dependencies of torchvision.
    assert not all_ & {'numpy', 'pillow', 'typing-extensions'}
    assert all_ - some >= {'matplotlib', 'fonttools', 'contourpy', 'cycler'}
    assert 'opencv-python-headless' in some


def test_a_package_that_is_not_here_is_reported(pins):
    with pytest.raises(pins.PinError, match='nothing-known-here is not inst'):
        pins.closure({'nothing-known-here'}, pins.target('3.12'), set())
