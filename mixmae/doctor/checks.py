"""Checks of an installation; each is a function of the facts only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mixmae.doctor import remedies
from mixmae.doctor.environment import Facts
from mixmae.doctor.remedies import PIP, PYTHONS, TESTED, tested
from mixmae.version import (
    MINIMUM_MMENGINE,
    MINIMUM_TORCH,
    unpickler_flaw,
    version_numbers,
)

ERROR = 'error'
WARNING = 'warning'
NOTE = 'note'
UNTESTED = 'untested'


@dataclass(frozen=True)
class Diagnosis:
    """One problem.

    Attributes:
        name: Short name.
        severity: ``error`` if pretraining would not run, ``warning`` if
            something else would not, ``note``, or ``untested``.
        cause: Cause, in one line.
        command: Command that fixes it.
    """

    name: str
    severity: str
    cause: str
    command: str = ''


class Package(NamedTuple):
    """A package that must import.

    Attributes:
        label: Its name in diagnoses.
        needs: Modules whose failure explains that of this one.
        command: Command that installs it.
        optional: Whether pretraining runs without it.
    """

    label: str
    needs: tuple[str, ...]
    command: str
    optional: bool = False


STACK = ('torch', 'torchvision', 'mmengine', 'mmcv')
# In the order in which they import each other.
PACKAGES = {
    'torch': Package('torch', (), remedies.TORCH),
    'torchvision': Package(
        'torchvision',
        ('torch',),
        # Local tags such as +cpu exist only on PyTorch's own index, and both
        # packages must come from the same index.
        f'{PIP} uninstall -y torch torchvision && {remedies.TORCH}',
    ),
    'cv2': Package('opencv', (), remedies.HEADLESS),
    'mmengine': Package('mmengine', ('torch', 'numpy'), remedies.MMENGINE),
    'mmcv': Package('mmcv', ('torch', 'mmengine', 'cv2'), remedies.MMCV_LITE),
    'mmpretrain': Package('mmpretrain', STACK, remedies.MMPRETRAIN),
    'mmdet': Package('mmdet', (*STACK, 'mmcv.ops'), remedies.MMDET, True),
    'mmseg': Package('mmseg', (*STACK, 'mmcv.ops'), remedies.MMSEG, True),
}


def diagnose(facts: Facts) -> list[Diagnosis]:
    """Run every check; the problem to fix first comes first."""
    found = [
        _python(facts),
        _mixed_forks(facts),
        _two_mmcv(facts),
        _two_opencv(facts),
        *(_package(facts, module) for module in PACKAGES),
        *_old(facts),
        _driver(facts),
        _unpickler(facts),
        _ops(facts),
        _untested_versions(facts),
    ]
    return [diagnosis for diagnosis in found if diagnosis is not None]


def _python(facts: Facts) -> Diagnosis | None:
    lowest, highest = PYTHONS
    if lowest <= facts.python <= highest:
        return None
    severity = ERROR if facts.python < lowest else UNTESTED
    version = '.'.join(map(str, facts.python))
    cause = f'Python {version}; tested are 3.10 to 3.12'
    return Diagnosis(
        'python',
        severity,
        cause,
        'python3.11 -m venv .venv  # create it again',
    )


def _mixed_forks(facts: Facts) -> Diagnosis | None:
    """Upstream packages next to the maintained forks."""
    ours = [name for name in facts.installed if name.startswith('onedl-')]
    theirs = [name for name in remedies.FORKS if name in facts.installed]
    if not theirs:
        return None
    beside = f' next to {", ".join(sorted(ours))}' if ours else ''
    cause = (
        f'upstream {", ".join(theirs)}{beside}: they share folders and '
        'overwrite each other'
    )
    forks = {remedies.FORKS[name] for name in theirs}
    # Reinstalls the forks' files that were removed with upstream's.
    remove = sorted({*theirs, *forks & set(facts.installed)})
    mend = f'{PIP} uninstall -y {" ".join(remove)}'
    if 'onedl-mmcv' in forks:
        mend += f' && {remedies.MMCV_LITE}'
    install = ' '.join(
        f'{name}=={tested(name)}' for name in sorted(forks - {'onedl-mmcv'})
    )
    if install:
        mend += f' && {remedies.without_dependencies(install)}'
    return Diagnosis('mixed forks', ERROR, cause, mend)


def _two_mmcv(facts: Facts) -> Diagnosis | None:
    if not {'mmcv-lite', 'onedl-mmcv'} <= set(facts.installed):
        return None
    cause = 'mmcv-lite and onedl-mmcv are both installed, in one folder mmcv/'
    mend = f'{PIP} uninstall -y mmcv-lite onedl-mmcv && {remedies.MMCV_LITE}'
    return Diagnosis('two mmcv', ERROR, cause, f'{mend}  # or: make full')


def _two_opencv(facts: Facts) -> Diagnosis | None:
    flavours = [name for name in facts.installed if name.startswith('opencv')]
    if len(flavours) < 2:
        return None
    cause = f'{", ".join(flavours)} are all installed, in one folder cv2/'
    return Diagnosis('two opencv', WARNING, cause, remedies.HEADLESS)


def _package(facts: Facts, module: str) -> Diagnosis | None:
    """A package that is missing or does not import."""
    probe = facts.probe(module)
    label, needs, command, optional = PACKAGES[module]
    if probe.works:
        return None
    if probe.absent(module):
        cause = f'{label} is not installed' + ': optional' * optional
        severity = NOTE if optional else ERROR
        return Diagnosis(f'no {label}', severity, cause, command)
    if any(not facts.probe(name).works for name in needs):
        return None
    name, cause = f'broken {label}', f'{module} does not import'
    if probe.missing:
        command = f'{PIP} install {probe.missing.split(".")[0]}'
    elif any(library in probe.error for library in ('libGL', 'libgthread')):
        name, cause = 'no libGL', 'this OpenCV draws windows, which need libGL'
    elif 'torchvision::' in probe.error or 'undefined symbol' in probe.error:
        version = facts.probe('torch').version
        name = f'{label} mismatch'
        cause = f'{module} is built for another torch than {version}'
    elif module == 'torch':
        command = command.replace('install', 'install --force-reinstall', 1)
    severity = WARNING if optional else ERROR
    return Diagnosis(name, severity, f'{cause}: {probe.error}', command)


def _old(facts: Facts) -> Iterator[Diagnosis | None]:
    """A torch or MMEngine that is too old."""
    for module, least in (
        ('torch', MINIMUM_TORCH),
        ('mmengine', MINIMUM_MMENGINE),
    ):
        probe = facts.probe(module)
        mixed = {module, f'{module}-lite'} & set(remedies.FORKS)
        if (
            probe.works
            and version_numbers(probe.version) < least
            and not mixed & set(facts.installed)
        ):
            oldest = '.'.join(map(str, least))
            cause = f'{module} {probe.version} is older than {oldest}'
            command = PACKAGES[module].command
            yield Diagnosis(f'old {module}', ERROR, cause, command)


def _driver(facts: Facts) -> Diagnosis | None:
    """An NVIDIA driver too old for torch's CUDA release."""
    probe = facts.probe('torch')
    if not probe.works or not probe.cuda or not probe.driver or probe.gpu:
        return None
    major = probe.driver // 1000
    # Drivers support every minor release of their major release.
    if major >= int(probe.cuda.split('.')[0]):
        return None
    driver = f'{major}.{probe.driver % 1000 // 10}'
    cause = (
        f'the NVIDIA driver serves CUDA {driver}, torch {probe.version} is '
        f'built for {probe.cuda}: the GPU stays unused'
    )
    mend = f'{remedies.torch_for_driver(major)}  # or update the driver'
    return Diagnosis('old driver', WARNING, cause, mend)


def _unpickler(facts: Facts) -> Diagnosis | None:
    """A known flaw of the weights-only load; see SECURITY.md."""
    probe = facts.probe('torch')
    if not probe.works or version_numbers(probe.version) < MINIMUM_TORCH:
        return None
    flaw = unpickler_flaw(probe.version)
    if not flaw:
        return None
    cause = (
        f'{flaw}; until then load .pth files only from authors that you trust'
    )
    return Diagnosis('unsafe torch', WARNING, cause, remedies.TORCH)


def _ops(facts: Facts) -> Diagnosis | None:
    """Compiled ops that are missing, fail to import or lack the GPU."""
    torch, ops = facts.probe('torch'), facts.probe('mmcv.ops')
    if not facts.probe('mmcv').works or not torch.works:
        return None
    mend = f'{remedies.OPS}  # or: make ops'
    if ops.missing.startswith('mmcv'):
        cause = (
            'mmcv has no compiled ops: pretraining runs, detection and '
            'segmentation need them'
        )
        mend = f'{remedies.OPS}  # or: make full'
        return Diagnosis('no ops', NOTE, cause, mend)
    if 'undefined symbol' in ops.error:
        cause = f"mmcv's ops are built for another torch than {torch.version}"
        return Diagnosis('ops for another torch', WARNING, cause, mend)
    if not ops.works:
        cause = f"mmcv's ops do not import: {ops.error}"
        return Diagnosis('broken ops', WARNING, cause, mend)
    if not torch.gpu or ops.cuda not in (None, 'not available'):
        return None
    cause = (
        f"mmcv's ops are for the CPU, but torch {torch.version} uses a GPU: "
        'detection will fail on it'
    )
    mend = f'{remedies.OPS_CUDA}  # needs nvcc; or: make ops OPS=cuda'
    return Diagnosis('CPU ops', WARNING, cause, mend)


def _untested_versions(facts: Facts) -> Diagnosis | None:
    other = []
    for name, versions in TESTED.items():
        found = facts.installed.get(name)
        if found is not None and found.split('+')[0] not in versions:
            other.append(f'{name} {found} (tested: {", ".join(versions)})')
    if not other:
        return None
    cause = f'outside the tested set, may work: {"; ".join(other)}'
    mend = f'{PIP} install -c requirements/constraints.txt <the package>'
    return Diagnosis('untested versions', UNTESTED, cause, mend)
