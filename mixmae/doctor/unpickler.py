"""Releases of torch whose weights-only loading is not safe."""

from mixmae.doctor.diagnosis import WARNING, Diagnosis
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import TORCH
from mixmae.version_gates import MINIMUM_TORCH, release, unpickler_flaw


def unsafe_unpickler(facts: Facts) -> Diagnosis | None:
    """Check for a known flaw of the weights-only load; see SECURITY.md."""
    probe = facts.probe('torch')
    if not probe.works or release(probe.version) < MINIMUM_TORCH:
        return None
    flaw = unpickler_flaw(probe.version)
    if not flaw:
        return None
    cause = f'{flaw}; until then load .pth files of people you trust only'
    return Diagnosis('unsafe torch', WARNING, cause, TORCH)
