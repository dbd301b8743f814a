"""The wheels that a machine with torch but without a package index lacks.

    python .dev_scripts/wheel_pins.py [--python 3.12] [--has NAME ...]

Prints one NAME==VERSION a line: the base tier of requirements/, with all it
needs, in the versions of requirements/constraints.txt, but for torch,
torchvision, what else the machine has, and what these need. What needs what
is read from the packages that are installed where this runs.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'
TIER = ('runtime.txt', 'pretrain.txt', 'pretrain-no-deps.txt')
ALWAYS_THERE = ('torch', 'torchvision')
# Large, and where torch is they mostly are.
USUALLY_THERE = (
    'matplotlib',
    'numpy',
    'opencv-python-headless',
    'pillow',
    'psutil',
    'tensorboard',
    'tqdm',
)
# For pip, not for a program.
NEVER = {'pip', 'setuptools', 'wheel'}
# What brings torch is there with it, whatever it is called.
BEHIND_TORCH = ('nvidia-', 'cuda-', 'triton')
# mmcv-lite is not there where the full tier is; its needs are onedl-mmcv's.
SAME = {'mmcv-lite': 'onedl-mmcv'}
# Not installed beside the headless one: both own cv2/.
REPLACED = {'opencv-python': 'opencv-python-headless'}


class PinError(Exception):
    """A package is not installed, or has no version in the constraints."""


def read(name: str) -> list[Requirement]:
    """The requirements of one file."""
    lines = (REQUIREMENTS / name).read_text().splitlines()
    lines = [line.split('#')[0].strip() for line in lines]
    return [Requirement(line) for line in lines if line]


def target(python: str) -> dict[str, str]:
    """What markers are asked about: that machine, not this one."""
    return {
        'python_version': python,
        'python_full_version': f'{python}.0',
        'implementation_name': 'cpython',
        'platform_python_implementation': 'CPython',
        'sys_platform': 'linux',
        'platform_system': 'Linux',
        'platform_machine': 'x86_64',
        'os_name': 'posix',
        'extra': '',
    }


@functools.cache
def requires(name: str) -> list[str] | None:
    """What an installed package says it needs; None if it is not there."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return None


def needs(name: str, machine: dict[str, str]) -> set[str]:
    """What one package asks for itself.

    Raises:
        PinError: it is not installed here.
    """
    lines = requires(name)
    if lines is None and name in SAME:
        lines = requires(SAME[name])
    if lines is None:
        raise PinError(
            f'{name} is not installed beside {sys.executable}: run `make base`'
        )
    found = set()
    for line in lines:
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate(machine):
            plain = canonicalize_name(one.name)
            found.add(REPLACED.get(plain, plain))
    return found


def closure(
    names: Iterable[str], machine: dict[str, str], without: set[str]
) -> set[str]:
    """Packages with all they need, but for some and what only these need."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in found or name in without or name in NEVER:
            continue
        if name.startswith(BEHIND_TORCH):
            continue
        found.add(name)
        waiting += needs(name, machine)
    return found


def pins(python: str, has: Iterable[str]) -> list[str]:
    """NAME==VERSION of every wheel that is lacking.

    Raises:
        PinError: see ``needs``; or a version is not pinned.
    """
    machine = target(python)
    there = {canonicalize_name(name) for name in (*ALWAYS_THERE, *has)}
    tier = {canonicalize_name(one.name) for name in TIER for one in read(name)}
    known = {canonicalize_name(x.name) for x in metadata.distributions()}
    installed = closure(there & known, machine, set())
    versions: dict[str, str] = {
        canonicalize_name(one.name): str(one.specifier)
        for one in read('constraints.txt')
        if one.marker is None or one.marker.evaluate(machine)
    }
    lacking = sorted(closure(tier, machine, installed | there))
    missing = [name for name in lacking if name not in versions]
    if missing:
        raise PinError(f'constraints.txt has no version of {missing}')
    return [f'{name}{versions[name]}' for name in lacking]


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--python', default='3.12', help='of that machine')
    parser.add_argument(
        '--has',
        nargs='*',
        default=USUALLY_THERE,
        metavar='NAME',
        help=f'that is there beside {" and ".join(ALWAYS_THERE)}, with what '
        f'it needs (default: {" ".join(USUALLY_THERE)})',
    )
    args = parser.parse_args()
    try:
        print('\n'.join(pins(args.python, args.has)))
    except PinError as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
