"""Installed packages and the results of importing them."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

from mixmae.doctor.probes import PROBES, Probe, run_every_probe
from mixmae.doctor.remedies import FORKS
from mixmae.doctor.tested_versions import TESTED

DISTRIBUTIONS = (
    *TESTED,
    *FORKS,
    'opencv-python',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)


@dataclass(frozen=True)
class Facts:
    """Facts about an installation; diagnoses depend on these only.

    Attributes:
        python: Major and minor version of this interpreter.
        installed: Versions by name of the distribution.
        probes: Import results by name of the module.
    """

    python: tuple[int, int]
    installed: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)

    def probe(self, module: str) -> Probe:
        """Return the result of importing ``module``."""
        missing = Probe(error='not tried', missing=module)
        return self.probes.get(module, missing)


def installed_distributions() -> dict[str, str]:
    """Return name and version of every relevant distribution."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def gather() -> Facts:
    """Collect the installed packages and try to import them."""
    answers = run_every_probe(PROBES)
    return Facts(sys.version_info[:2], installed_distributions(), answers)


def describe(facts: Facts) -> list[tuple[str, str]]:
    """Return (name, state) rows of the installed packages."""
    rows = [('python', f'{platform.python_version()}  {sys.executable}')]
    return rows + [(module, _state(facts, module)) for module in PROBES]


def _state(facts: Facts, module: str) -> str:
    probe = facts.probe(module)
    if probe.absent(module):
        return 'none' if module == 'mmcv.ops' else 'not installed'
    if not probe.works:
        return f'does not import: {probe.error}'
    if module == 'mmcv.ops':
        cpu = probe.cuda in (None, 'not available')
        return 'CPU' if cpu else f'CUDA {probe.cuda}'
    if module == 'mmcv':
        lite = 'mmcv-lite' in facts.installed
        return f'{probe.version}  ({"mmcv-lite" if lite else "full"})'
    if module == 'torch':
        build = f'CUDA {probe.cuda}' if probe.cuda else 'CPU build'
        gpu = probe.device or 'none usable'
        return f'{probe.version}  {build}  GPU: {gpu}'
    return probe.version
