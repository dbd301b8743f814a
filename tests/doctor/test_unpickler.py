"""Which releases of torch the doctor warns of."""

import pytest

from mixmae.doctor.diagnosis import WARNING
from mixmae.doctor.facts import Probe
from mixmae.doctor.unpickler import unsafe_unpickler
from tests.doctor.test_diagnoses import HEALTHY, probed


@pytest.mark.parametrize(
    ('version', 'number'),
    [
        ('2.4.0', 'CVE-2025-32434'),
        ('2.5.1+cu124', 'CVE-2025-32434'),
        ('2.6.0', 'CVE-2026-24747'),
        ('2.9.1', 'CVE-2026-24747'),
    ],
)
def test_flaws(version, number):
    found = unsafe_unpickler(probed(torch=Probe(version=version)))
    assert found.severity == WARNING
    assert number in found.cause and found.command.startswith('python -m pip')


def test_no_flaw_is_known():
    assert unsafe_unpickler(HEALTHY) is None
    # It is said already that these are too old, or broken.
    for probe in (Probe(version='2.3.1'), Probe(error='OSError: no')):
        assert unsafe_unpickler(probed(torch=probe)) is None
