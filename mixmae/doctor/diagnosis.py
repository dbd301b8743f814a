"""One thing that is wrong with an installation."""

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
    """One thing that is wrong.

    Attributes:
        name: A short name for it.
        severity: ``error`` if pretraining would not run, ``warning`` if
            something else would not, ``note``, or ``untested``.
        cause: One line.
        command: What mends it.
    """

    name: str
    severity: str
    cause: str
    command: str = ''


# What looks for one thing that can be wrong.
Check = Callable[[Facts], Diagnosis | None]


def unless_blamed(
    module: str, severity: str, probe: Probe, facts: Facts, mend: str
) -> Diagnosis | None:
    """Report a failed import, unless a package below it fails as well."""
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
        # Another package's module is what is not there.
        mend = f'{PIP} install {probe.missing.split(".")[0]}'
    cause = f'{module} does not import: {probe.error}'
    return Diagnosis(f'broken {module}', severity, cause, mend)
