"""The torch that ops are built for, and for which device."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mmcv_ops.messages import OpsError


@dataclass(frozen=True)
class Torch:
    """What a binary must match: read from the environment's own torch."""

    version: str
    cuda: str
    gpu: bool
    capability: str


def probe_torch() -> Torch:
    """Ask this interpreter's torch for its version and device."""
    code = (
        'import torch; gpu = torch.cuda.is_available(); '
        "print(torch.__version__, torch.version.cuda or '-', int(gpu), "
        "'%d.%d' % torch.cuda.get_device_capability() if gpu else '-')"
    )
    answer = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        lines = answer.stderr.strip().splitlines()
        reason = lines[-1] if lines else f'status {answer.returncode}'
        raise OpsError(f'torch does not import here ({reason})')
    version, cuda, gpu, capability = answer.stdout.split()[-4:]
    return Torch(version, cuda, gpu == '1', capability)


def nvcc_release(home: str | None) -> str | None:
    """Return the release of the CUDA compiler, such as ``13.0``."""
    found = shutil.which('nvcc')
    nvcc = str(Path(home, 'bin', 'nvcc')) if home else found
    if nvcc is None or not os.access(nvcc, os.X_OK):
        return None
    answer = subprocess.run(
        [nvcc, '--version'], capture_output=True, text=True
    )
    match = re.search(r'release (\d+\.\d+)', answer.stdout)
    return match.group(1) if match else None


def choose_ops(wanted: str, torch: Torch, nvcc: str | None) -> str:
    """Resolve ``auto``: CUDA ops need a GPU and a matching CUDA compiler.

    A CUDA build of torch alone says nothing: the index's default torch is
    one, on machines without any GPU too.
    """
    if wanted != 'auto':
        return wanted
    if not torch.gpu or nvcc is None:
        return 'cpu'
    # torch refuses extensions built by another major release of nvcc.
    same_major = nvcc.split('.')[0] == torch.cuda.split('.')[0]
    return 'cuda' if same_major else 'cpu'
