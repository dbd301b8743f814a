"""``python -m mixmae.doctor`` as a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(
    folder: Path, *arguments: str, first: str = ''
) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder``, with ``first`` at the start of the path."""
    path = os.pathsep.join(filter(None, (first, str(ROOT))))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
    )


def test_needs_the_standard_library_only(tmp_path: Path) -> None:
    # -S hides site-packages.
    code = (
        'import sys; sys.orig_argv.append("mixmae.doctor"); '
        'import mixmae.doctor.__main__; '
        'print(sorted({"torch", "mmengine", "numpy"} & set(sys.modules)))'
    )
    done = python(tmp_path, '-S', '-c', code)
    assert done.stdout.strip() == '[]', done.stderr


@pytest.mark.slow
def test_this_environment_passes(tmp_path: Path) -> None:
    done = python(tmp_path, '-m', 'mixmae.doctor')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'torch' in done.stdout
    assert 'would not run' not in done.stdout


@pytest.mark.slow
def test_a_broken_torch_is_reported(tmp_path: Path) -> None:
    # A module of that name earlier on the path breaks every import of it.
    fake = tmp_path / 'fake'
    fake.mkdir()
    (fake / 'torch.py').write_text("raise OSError('libcudart.so.99')")
    done = python(tmp_path, '-m', 'mixmae.doctor', first=str(fake))
    assert done.returncode == 1, done.stdout + done.stderr
    assert 'torch does not import: OSError: libcudart.so.99' in done.stdout
    assert 'pip install' in done.stdout
