"""Version of the package, and the versions of others that it works with.

Reads the installed versions without importing the packages: ``import mixmae``
stays cheap. ``python -m mixmae.doctor`` looks closer.
"""

import re
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

__version__ = '0.1.0'


MINIMUM_TORCH = (2, 4)
# Before it, loops cannot be resumed within an epoch as ours are.
MINIMUM_MMENGINE = (0, 10, 12)
# First release that is free of it, its number, and what it lets a file do,
# even where only weights are asked for. See SECURITY.md.
UNPICKLER_FLAWS = (
    ((2, 6), 'CVE-2025-32434', 'run code'),
    ((2, 10), 'CVE-2026-24747', 'corrupt memory'),
)


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or ``None``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers: ``'2.12.1+cu130'`` gives (2, 12, 1)."""
    match = re.match(r'\d+(\.\d+)*', version)
    return tuple(map(int, match.group().split('.'))) if match else ()


def _text(numbers: tuple[int, ...]) -> str:
    return '.'.join(map(str, numbers))


def unpickler_flaw(version: str) -> str:
    """Known flaw of ``torch.load(weights_only=True)`` in a version.

    Returns:
        One line, '' for the versions that are not known to be unsafe.
    """
    for fixed, flaw, what in UNPICKLER_FLAWS:
        if version_numbers(version) < fixed:
            return (
                f'torch {version} has {flaw}: a checkpoint file can {what}, '
                f'fixed in torch {_text(fixed)}'
            )
    return ''


def check_torch(version: str | None, importable: bool = True) -> None:
    """Raise ``ImportError`` unless torch is recent enough.

    Args:
        version: Of the installed distribution; ``None`` if there is none.
        importable: Whether a module torch is there all the same, as in a
            source checkout, which is trusted.
    """
    wanted = _text(MINIMUM_TORCH)
    if version is None and not importable:
        raise ImportError(
            f'mixmae needs torch>={wanted}, which is not installed; '
            'run: pip install torch torchvision'
        )
    if version is not None and version_numbers(version) < MINIMUM_TORCH:
        raise ImportError(
            f'mixmae needs torch>={wanted}, found {version}; '
            'run: pip install -U torch torchvision'
        )


def check_mmengine(
    fork: str | None, upstream: str | None, importable: bool = True
) -> None:
    """Raise ``ImportError`` unless only the maintained MMEngine is installed.

    Args:
        fork: Version of the distribution onedl-mmengine, or ``None``.
        upstream: Version of the distribution mmengine, or ``None``.
        importable: Whether a module mmengine is there without either.
    """
    wanted = f'onedl-mmengine>={_text(MINIMUM_MMENGINE)}'
    install = f"run: pip install '{wanted}'"
    if upstream is not None:
        # Both put files into the folder mmengine/.
        found = f'mmengine {upstream}'
        if fork is not None:
            found += f' and onedl-mmengine {fork}, which overwrite each other'
        raise ImportError(
            f'mixmae needs {wanted}, found {found}; run: pip uninstall -y '
            f"mmengine onedl-mmengine && pip install '{wanted}'"
        )
    if fork is None and not importable:
        raise ImportError(
            f'mixmae needs {wanted}, which is not installed; {install}'
        )
    if fork is not None and version_numbers(fork) < MINIMUM_MMENGINE:
        raise ImportError(f'mixmae needs {wanted}, found {fork}; {install}')


def _diagnosing(argv: list[str]) -> bool:
    """Return True in the doctor's process, which reports versions itself."""
    command = argv[-1:] == ['doctor'] and any(
        Path(name).stem == 'mixmae' for name in argv[1:-1]
    )
    return command or 'mixmae.doctor' in argv


def check_versions() -> None:
    """Check what is installed here.

    Raises:
        ImportError: One line: what is wanted, what was found, the command.
    """
    if _diagnosing(sys.orig_argv):
        return
    check_torch(installed_version('torch'), find_spec('torch') is not None)
    check_mmengine(
        installed_version('onedl-mmengine'),
        installed_version('mmengine'),
        find_spec('mmengine') is not None,
    )
