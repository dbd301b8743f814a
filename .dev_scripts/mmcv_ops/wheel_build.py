"""Compiling a wheel of onedl-mmcv from its sdist."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from mmcv_ops.environment import pip
from mmcv_ops.messages import OpsError, say
from mmcv_ops.torch_build import Torch

# Optimising harder doubles the compile time for ops that take microseconds.
CXX_FLAGS = '-O1 -g0'
# Included first by every source file of the ops, so it can be precompiled.
COMMON_HEADER = Path('mmcv/ops/csrc/common/pytorch_cpp_helper.hpp')


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def build_environment(ops: str, torch: Torch) -> dict[str, str]:
    """Return the variables under which mmcv's setup builds these ops."""
    environment = dict(os.environ)
    environment['MMCV_WITH_OPS'] = '1'
    environment.setdefault('MAX_JOBS', str(usable_cores()))
    environment['CFLAGS'] = f'{environment.get("CFLAGS", "")} {CXX_FLAGS}'
    environment['CXXFLAGS'] = f'{environment.get("CXXFLAGS", "")} {CXX_FLAGS}'
    # ninja of this environment, if it has one.
    binaries = Path(sys.executable).parent
    environment['PATH'] = f'{binaries}{os.pathsep}{environment["PATH"]}'
    if ops == 'cuda':
        environment['FORCE_CUDA'] = '1'
        if torch.capability != '-':
            environment.setdefault('TORCH_CUDA_ARCH_LIST', torch.capability)
    else:
        # mmcv takes any visible GPU for the wish to compile for it, and
        # torch takes any nvcc on the path for CUDA_HOME.
        environment['FORCE_CUDA'] = '0'
        environment['CUDA_VISIBLE_DEVICES'] = ''
        environment.pop('CUDA_HOME', None)
    return environment


def require_compiler() -> None:
    """Raise when what compiling needs is not on this machine."""
    header = Path(sysconfig.get_path('include'), 'Python.h')
    if not header.exists():
        raise OpsError(
            f'{header} is missing: install the headers of this Python '
            '(python3-dev on Debian) or take another with PYTHON=...'
        )
    compiler = os.environ.get('CXX') or 'c++'
    if not any(map(shutil.which, (shlex.split(compiler)[0], 'g++'))):
        raise OpsError('no C++ compiler: install g++ (or set CXX)')


def precompile_header(source: Path, environment: dict[str, str]) -> None:
    """Compile the header all sources begin with, once instead of 78 times.

    torch's headers take ten seconds to read. A compiler that finds the
    result unfit (other flags, not GCC) ignores it: nothing can go wrong but
    the time.
    """
    code = (
        'import sysconfig, shlex, setuptools; '
        'from distutils.ccompiler import new_compiler; '
        'from distutils.sysconfig import customize_compiler; '
        'from torch.utils import cpp_extension as extension; '
        'compiler = new_compiler(); customize_compiler(compiler); '
        "command = getattr(compiler, 'compiler_so_cxx', None); "
        'command = list(command or compiler.compiler_so); '
        "paths = extension.include_paths() + [sysconfig.get_path('include')]; "
        "command += ['-I' + path for path in paths]; "
        'print(shlex.join(command))'
    )
    answer = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True,
        text=True,
        env=environment,
    )
    if answer.returncode:
        return
    header = source / COMMON_HEADER
    command = shlex.split(answer.stdout.strip().splitlines()[-1])
    command += [
        f'-I{header.parent}',
        '-DTORCH_API_INCLUDE_EXTENSION_H',
        '-DTORCH_EXTENSION_NAME=_ext',
        '-std=c++17',
        *('-x', 'c++-header', str(header), '-o', f'{header}.gch'),
    ]
    done = subprocess.run(command, capture_output=True, env=environment)
    if done.returncode:
        Path(f'{header}.gch').unlink(missing_ok=True)


def build_wheel(mmcv: str, ops: str, torch: Torch, target: Path) -> Path:
    """Compile the sdist of ``mmcv`` and return the wheel under ``target``."""
    environment = build_environment(ops, torch)
    require_compiler()
    say(f'building onedl-mmcv {mmcv} with {ops} ops for torch {torch.version}')
    say(f'this takes minutes, once (MAX_JOBS={environment["MAX_JOBS"]})')
    with tempfile.TemporaryDirectory(prefix='mmcv-ops-') as folder:
        pip(
            *('download', '--quiet', '--no-deps', '--no-cache-dir'),
            *('--no-build-isolation', '--no-binary', 'onedl-mmcv'),
            *('--dest', folder, f'onedl-mmcv=={mmcv}'),
            env=environment,
        )
        archives = list(Path(folder).glob('onedl*mmcv*.tar.gz'))
        if len(archives) != 1:
            raise OpsError(f'onedl-mmcv {mmcv} has no source archive')
        shutil.unpack_archive(archives[0], folder)
        source = archives[0].with_name(archives[0].name[: -len('.tar.gz')])
        if ops == 'cpu':
            precompile_header(source, environment)
        wheels = Path(folder, 'wheels')
        pip(
            *('wheel', '--no-deps', '--no-cache-dir', '--no-build-isolation'),
            *('--wheel-dir', str(wheels), str(source)),
            env=environment,
        )
        built = next(wheels.glob('*.whl'))
        target.mkdir(parents=True, exist_ok=True)
        # Rename within one file system: a killed copy leaves no half wheel.
        partial = target / f'{built.name}.{os.getpid()}.part'
        shutil.copyfile(built, partial)
        return partial.rename(target / built.name)
