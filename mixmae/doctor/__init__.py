"""``python -m mixmae.doctor``: what is installed, what is wrong, what to do.

Needs the standard library only, since it is called when nothing else works.
"""

from mixmae.doctor.diagnoses import diagnose
from mixmae.doctor.diagnosis import Diagnosis
from mixmae.doctor.facts import Facts, gather
from mixmae.doctor.probes import Probe

__all__ = ['Diagnosis', 'Facts', 'Probe', 'diagnose', 'gather']
