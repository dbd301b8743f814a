"""One problem of an installation."""

from collections.abc import Callable
from dataclasses import dataclass

from mixmae.doctor.facts import Facts
from mixmae.doctor.probes import Probe
from mixmae.doctor.remedies import PIP

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


# Check for one problem.
Check = Callable[[Facts], Diagnosis | None]


def unless_blamed(
    module: str, severity: str, probe: Probe, facts: Facts, mend: str
) -> Diagnosis | None:
    """Report a failed import, unless a package it needs also fails."""
    below = {
        'mmengine': ('torch', 'numpy'),
        'cv2': (),
        'mmcv': ('torch', 'mmengine', 'cv2'),
        'mmpretrain': ('torch', 'torchvision', 'mmengine', 'mmcv'),
        'mmdet': ('torch', 'torchvision', 'mmengine', 'mmcv'),
        'mmseg': ('torch', 'torchvision', 'mmengine', 'mmcv'),
    }
    if any(not facts.probe(name).works for name in below[module]):
        return None
    if probe.missing and not probe.absent(module):
        # The missing module belongs to another package.
        mend = f'{PIP} install {probe.missing.split(".")[0]}'
    cause = f'{module} does not import: {probe.error}'
    return Diagnosis(f'broken {module}', severity, cause, mend)
