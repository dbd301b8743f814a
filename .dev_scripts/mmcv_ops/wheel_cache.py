"""Built wheels, kept in ``${XDG_CACHE_HOME:-~/.cache}/mixmae/wheels/<key>``.

The key names everything a binary depends on: torch with its CUDA tag, Python,
platform, mmcv, and whether the ops are for the CPU or for CUDA. pip's own
cache knows nothing of torch and would hand out a wheel built against another
one, hence ``--no-cache-dir`` wherever it is called.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from mmcv_ops.environment import wheel_error
from mmcv_ops.messages import OpsError, say
from mmcv_ops.torch_build import Torch
from mmcv_ops.wheel_build import build_wheel


def cache_root() -> Path:
    """Return the user's cache folder for built wheels."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(base).expanduser() / 'mixmae' / 'wheels'


def wheel_key(torch: Torch, mmcv: str, ops: str) -> str:
    """Name everything the compiled wheel depends on."""
    python = f'{sys.implementation.name}{sys.version_info[0]}'
    python += f'.{sys.version_info[1]}'
    system = sysconfig.get_platform()
    cuda = f'cu{torch.cuda}' if torch.cuda != '-' else 'nocuda'
    arch = f'{ops}-sm{torch.capability}' if ops == 'cuda' else ops
    parts = [f'torch-{torch.version}', cuda, python, system, f'mmcv-{mmcv}']
    return re.sub(r'[^\w.+-]', '_', '-'.join([*parts, arch]))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time build below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    # A link is not followed, and nothing is written.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(folder / '.lock', flags, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def obtain_wheel(mmcv: str, ops: str, torch: Torch, check: str) -> Path:
    """Return a wheel seen to import here, from the cache or newly built."""
    folder = cache_root() / wheel_key(torch, mmcv, ops)
    with locked(folder):
        for wheel in sorted(folder.glob('*.whl')):
            error = wheel_error(wheel, check)
            if error is None:
                say(f'using {wheel}')
                return wheel
            say(f'the cached wheel does not import ({error}): building anew')
            wheel.unlink()
        start = time.monotonic()
        wheel = build_wheel(mmcv, ops, torch, folder)
        error = wheel_error(wheel, check)
        if error is not None:
            wheel.unlink()
            raise OpsError(f'the built wheel does not import: {error}')
        say(f'built {wheel.name} in {time.monotonic() - start:.0f} s')
        return wheel
