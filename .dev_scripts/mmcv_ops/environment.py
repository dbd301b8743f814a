"""This interpreter's packages: what is pinned, imported and put in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from mmcv_ops.messages import OpsError

CONSTRAINTS = (
    Path(__file__).resolve().parents[2] / 'requirements' / 'constraints.txt'
)
CHECK = (
    'import torch, mmcv.ops; from mmcv.ops import nms; '
    'boxes = torch.tensor([[0., 0., 2., 2.], [0., 0., 2., 1.9]]); '
    'assert len(nms(boxes, torch.tensor([.9, .8]), .5)[1]) == 1'
)
CUDA_CHECK = (
    '; from mmcv.ops import get_compiling_cuda_version as version; '
    "assert version() != 'not available', 'built without CUDA'"
)


def pinned(name: str, constraints: Path = CONSTRAINTS) -> str:
    """Return the version ``constraints`` pins ``name`` to."""
    pattern = re.compile(rf'^{re.escape(name)}==([^\s;#]+)', re.MULTILINE)
    match = pattern.search(constraints.read_text())
    if match is None:
        raise OpsError(f'{constraints} does not pin {name}')
    return match.group(1)


def pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run this environment's pip; raise when it fails."""
    # DEVNULL: pip must never wait for an answer.
    command = [sys.executable, '-m', 'pip', *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, env=env)
    if done.returncode:
        raise OpsError(f'pip {arguments[0]} failed (see above)')


def installed_version() -> str | None:
    """Return the version of onedl-mmcv in this environment, if any."""
    try:
        return metadata.version('onedl-mmcv')
    except metadata.PackageNotFoundError:
        return None


def run_check(check: str, site: Path | None = None) -> str | None:
    """Import the ops in a fresh process; return the error or ``None``.

    Args:
        check: The Python code that must run.
        site: A folder to import from before the environment's own.
    """
    environment = dict(os.environ)
    if site is not None:
        environment['PYTHONPATH'] = str(site)
    answer = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', check],
        capture_output=True,
        text=True,
        env=environment,
        # The repository's folder must not shadow what is installed.
        cwd=tempfile.gettempdir(),
    )
    if answer.returncode == 0:
        return None
    lines = answer.stderr.strip().splitlines()
    return lines[-1] if lines else f'exit status {answer.returncode}'


def wheel_error(wheel: Path, check: str) -> str | None:
    """Try a wheel in a folder of its own; return the error or ``None``."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            pip(
                *('install', '--quiet', '--no-deps', '--no-index'),
                *('--target', folder, str(wheel)),
            )
        except OpsError as error:
            return str(error)
        return run_check(check, Path(folder))


def swap_in(wheel: Path, check: str) -> None:
    """Replace mmcv-lite by ``wheel``; bring mmcv-lite back on failure."""
    # Both own the folder mmcv/: installed over each other they mix.
    pip('uninstall', '--quiet', '--yes', 'mmcv-lite', 'onedl-mmcv')
    try:
        # --no-deps: it asks for opencv-python, which needs libGL.
        pip('install', '--quiet', '--no-deps', '--no-index', str(wheel))
        error = run_check(check)
        if error is not None:
            raise OpsError(f'mmcv.ops does not import: {error}')
    except OpsError:
        pip('uninstall', '--quiet', '--yes', 'onedl-mmcv')
        pip('install', '--no-deps', f'mmcv-lite=={pinned("mmcv-lite")}')
        raise
