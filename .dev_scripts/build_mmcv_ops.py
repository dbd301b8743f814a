"""Put onedl-mmcv with its compiled ops into this interpreter's environment.

Run with the interpreter that is to get the ops (``make ops`` does)::

    .venv/bin/python .dev_scripts/build_mmcv_ops.py

A built wheel is kept for the next environment of the same kind; see
``mmcv_ops/wheel_cache.py``.

The environment is touched only when a wheel at hand has been seen to import
beside this very torch: a build that fails leaves mmcv-lite where it was.
Only the standard library is imported here.
"""

from __future__ import annotations

import argparse
import os
import sys

from mmcv_ops.environment import (
    CHECK,
    CUDA_CHECK,
    installed_version,
    pinned,
    run_check,
    swap_in,
)
from mmcv_ops.messages import OpsError, say
from mmcv_ops.torch_build import Torch, choose_ops, nvcc_release, probe_torch
from mmcv_ops.wheel_cache import obtain_wheel


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--ops',
        choices=('auto', 'cpu', 'cuda'),
        default='auto',
        help='auto: CUDA with a GPU and a matching nvcc, else CPU',
    )
    parser.add_argument(
        '--wheel-only',
        action='store_true',
        help='build and check the wheel, leave the environment as it is',
    )
    return parser.parse_args(arguments)


def install(mmcv: str, ops: str, torch: Torch, wheel_only: bool) -> None:
    """Have ``ops`` in the environment, or only their wheel in the cache."""
    check = CHECK + CUDA_CHECK if ops == 'cuda' else CHECK
    if not wheel_only and installed_version() == mmcv:
        error = run_check(check)
        if error is None:
            say(f'onedl-mmcv {mmcv} with {ops} ops is installed')
            return
        say(f'the installed onedl-mmcv will not do ({error})')
    wheel = obtain_wheel(mmcv, ops, torch, check)
    if not wheel_only:
        swap_in(wheel, check)
        say(f'onedl-mmcv {mmcv} with {ops} ops is installed')


def main() -> int:
    """Build, check, swap; return the exit status."""
    options = parse_arguments()
    try:
        torch = probe_torch()
        mmcv = pinned('onedl-mmcv')
        nvcc = nvcc_release(os.environ.get('CUDA_HOME'))
        ops = choose_ops(options.ops, torch, nvcc)
        try:
            install(mmcv, ops, torch, options.wheel_only)
        except OpsError as error:
            if ops == options.ops or ops == 'cpu':
                raise
            # Nobody asked for CUDA: the CPU's ops serve the tests as well.
            say(f'no CUDA ops ({error}); building those for the CPU')
            install(mmcv, 'cpu', torch, options.wheel_only)
    except OpsError as error:
        print(f'[mmcv ops] error: {error}', file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
