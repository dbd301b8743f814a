"""Put onedl-mmcv with its compiled ops into this interpreter's environment.

Run with the interpreter that is to get the ops (``make ops`` does)::

    .venv/bin/python .dev_scripts/build_mmcv_ops.py

A built wheel is kept in ``${XDG_CACHE_HOME:-~/.cache}/mixmae/wheels/<key>``.
The key names everything a binary depends on: torch with its CUDA tag, Python,
platform, mmcv, and whether the ops are for the CPU or for CUDA. pip's own
cache knows nothing of torch and would hand out a wheel built against another
one, hence ``--no-cache-dir``.

The environment is touched only when a wheel at hand has been seen to import
beside this very torch: a build that fails leaves mmcv-lite where it was.
Only the standard library is imported here.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CONSTRAINTS = REPOSITORY / 'requirements' / 'constraints.txt'
# Optimising harder doubles the compile time for ops that take microseconds.
CXX_FLAGS = '-O1 -g0'
# Included first by every source file of the ops, so it can be precompiled.
COMMON_HEADER = Path('mmcv/ops/csrc/common/pytorch_cpp_helper.hpp')
CHECK = (
    'import torch, mmcv.ops; from mmcv.ops import nms; '
    'boxes = torch.tensor([[0., 0., 2., 2.], [0., 0., 2., 1.9]]); '
    'assert len(nms(boxes, torch.tensor([.9, .8]), .5)[1]) == 1'
)
CUDA_CHECK = (
    '; from mmcv.ops import get_compiling_cuda_version as version; '
    "assert version() != 'not available', 'built without CUDA'"
)


class OpsError(RuntimeError):
    """The ops cannot be had; the message says why."""


@dataclass(frozen=True)
class Torch:
    """What a binary must match: read from the environment's own torch."""

    version: str
    cuda: str
    gpu: bool
    capability: str


def say(message: str) -> None:
    """Print one line of progress at once."""
    print(f'[mmcv ops] {message}', flush=True)


def pinned(name: str, constraints: Path = CONSTRAINTS) -> str:
    """Return the version ``constraints`` pins ``name`` to."""
    pattern = re.compile(rf'^{re.escape(name)}==([^\s;#]+)', re.MULTILINE)
    match = pattern.search(constraints.read_text())
    if match is None:
        raise OpsError(f'{constraints} does not pin {name}')
    return match.group(1)


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


def wheel_key(torch: Torch, mmcv: str, ops: str) -> str:
    """Name everything the compiled wheel depends on."""
    python = f'{sys.implementation.name}{sys.version_info[0]}'
    python += f'.{sys.version_info[1]}'
    system = sysconfig.get_platform()
    cuda = f'cu{torch.cuda}' if torch.cuda != '-' else 'nocuda'
    arch = f'{ops}-sm{torch.capability}' if ops == 'cuda' else ops
    parts = [f'torch-{torch.version}', cuda, python, system, f'mmcv-{mmcv}']
    return re.sub(r'[^\w.+-]', '_', '-'.join([*parts, arch]))


def cache_root() -> Path:
    """Return the user's cache folder for built wheels."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(base).expanduser() / 'mixmae' / 'wheels'


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


def pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run this environment's pip; raise when it fails."""
    # DEVNULL: pip must never wait for an answer.
    command = [sys.executable, '-m', 'pip', *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, env=env)
    if done.returncode:
        raise OpsError(f'pip {arguments[0]} failed (see above)')


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


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time build below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / '.lock', 'w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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


def installed_version() -> str | None:
    """Return the version of onedl-mmcv in this environment, if any."""
    try:
        return metadata.version('onedl-mmcv')
    except metadata.PackageNotFoundError:
        return None


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
