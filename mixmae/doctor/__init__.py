"""``python -m mixmae.doctor``: installed packages, problems and fixes.

It needs the standard library only, since it must run when other packages do
not.
"""

from mixmae.doctor.diagnoses import diagnose
from mixmae.doctor.diagnosis import Diagnosis
from mixmae.doctor.facts import Facts, gather
from mixmae.doctor.probes import Probe

__all__ = ['Diagnosis', 'Facts', 'Probe', 'diagnose', 'gather']
