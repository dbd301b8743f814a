"""Interpreter that `make` chooses by default."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / '.dev_scripts' / 'find_python.sh'
# Of the present environment, which is one that .venv can be made with.
REAL = Path(getattr(sys, '_base_executable', sys.executable))


def find(*folders: Path, python: str = '') -> subprocess.CompletedProcess:
    """Run the script with only ``folders`` on the path."""
    return subprocess.run(
        ['/bin/sh', str(SCRIPT)],
        env={'PATH': os.pathsep.join(map(str, folders)), 'PYTHON': python},
        capture_output=True,
        text=True,
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_failing_shim_is_skipped(tmp_path: Path) -> None:
    executable(tmp_path / 'shims' / 'python3.11', '#!/bin/sh\nexit 127\n')
    real = executable(
        tmp_path / 'real' / 'python3.11', f'#!/bin/sh\nexec {REAL} "$@"\n'
    )
    done = find(tmp_path / 'shims', tmp_path / 'real')
    assert done.stdout.strip() == str(real)


def test_a_given_python_is_used(tmp_path: Path) -> None:
    assert find(tmp_path, python=str(REAL)).stdout.strip() == str(REAL)


def test_a_python_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    done = find(tmp_path, python=str(tmp_path / 'nothing'))
    assert done.returncode == 1
    assert 'does not run as Python 3.10 to 3.12' in done.stderr


def test_no_python_is_an_error_with_instructions(tmp_path: Path) -> None:
    done = find(tmp_path)
    assert done.returncode == 1
    assert 'make PYTHON=' in done.stderr
