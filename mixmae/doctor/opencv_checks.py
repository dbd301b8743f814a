"""Checks of OpenCV."""

from mixmae.doctor.diagnosis import ERROR, WARNING, Diagnosis, unless_blamed
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import HEADLESS


def opencv_import(facts: Facts) -> Diagnosis | None:
    """Check for an OpenCV that is missing or fails to import (libGL)."""
    probe = facts.probe('cv2')
    if probe.works:
        return None
    if probe.absent('cv2'):
        return Diagnosis(
            'no opencv', ERROR, 'OpenCV is not installed', HEADLESS
        )
    if any(library in probe.error for library in ('libGL', 'libgthread')):
        cause = (
            f'this OpenCV draws windows and needs libGL ({probe.error}); '
            'the headless one does not'
        )
        return Diagnosis('no libGL', ERROR, cause, HEADLESS)
    return unless_blamed('cv2', ERROR, probe, facts, HEADLESS)


def two_opencv(facts: Facts) -> Diagnosis | None:
    """Check for several distributions that have written into cv2/."""
    flavours = [name for name in facts.installed if name.startswith('opencv')]
    if len(flavours) < 2:
        return None
    cause = f'{", ".join(flavours)} are all installed, in one folder cv2/'
    return Diagnosis('two opencv', WARNING, cause, HEADLESS)
