"""Hardware, load and versions that figures depend on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

import mixmae


def environment_info() -> dict[str, object]:
    """Machine, versions and commit, for a file of figures.

    Returns:
        ``commit`` of the checkout ('-dirty' if it was changed; 'unknown'
        outside one), ``mixmae``, ``torch`` and ``python`` versions, ``cpu``,
        ``cores``, ``load`` (processes that want to run, mean of a minute)
        and ``gpu`` (None without one).
    """
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        'commit': _commit(),
        'mixmae': mixmae.__version__,
        'torch': torch.__version__,
        'python': platform.python_version(),
        'cpu': processor_name(),
        'cores': os.cpu_count(),
        'load': round(os.getloadavg()[0], 2),
        'gpu': gpu,
    }


def _commit() -> str:
    try:
        done = subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--abbrev=12'],
            cwd=Path(mixmae.__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return 'unknown'
    return done.stdout.strip() or 'unknown'


def processor_name() -> str:
    """Model name of the processor."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [x.partition(':')[2] for x in lines if x.startswith('model name')]
    return (names or [platform.processor()])[0].strip()
