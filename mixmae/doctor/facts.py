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
    for module in PROBES:
        probe = facts.probe(module)
        if probe.works:
            state = probe.version or 'works'
        elif probe.absent(module):
            state = 'not installed'
        else:
            state = f'does not import: {probe.error}'
        if module == 'mmcv' and probe.works:
            lite = 'mmcv-lite' in facts.installed
            state += '  (mmcv-lite)' if lite else '  (full)'
        if module == 'mmcv.ops' and probe.works:
            cpu = probe.cuda in (None, 'not available')
            state = 'CPU' if cpu else f'CUDA {probe.cuda}'
        elif module == 'mmcv.ops' and probe.missing.startswith('mmcv'):
            state = 'none'
        if module == 'torch' and probe.works:
            state += f'  CUDA {probe.cuda}' if probe.cuda else '  CPU build'
            state += f'  GPU: {probe.device or "none usable"}'
        rows.append((module, state))
    return rows
