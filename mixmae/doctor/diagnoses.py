"""List of checks; each is a function of the facts only.

A check returns one diagnosis or ``None``. The diagnosis to fix first comes
first.
"""

from mixmae.doctor.diagnosis import Check, Diagnosis
from mixmae.doctor.facts import Facts
from mixmae.doctor.opencv_checks import opencv_import, two_opencv
from mixmae.doctor.openmmlab_checks import (
    downstream,
    mixed_forks,
    mmcv_import,
    mmengine_import,
    mmpretrain_import,
    ops_import,
    two_mmcv,
)
from mixmae.doctor.torch_checks import (
    driver_age,
    torch_import,
    torchvision_import,
)
from mixmae.doctor.unpickler import unsafe_unpickler
from mixmae.doctor.version_checks import python_version, untested_versions

CHECKS: tuple[Check, ...] = (
    python_version,
    torch_import,
    torchvision_import,
    mixed_forks,
    two_mmcv,
    opencv_import,
    two_opencv,
    mmengine_import,
    mmcv_import,
    mmpretrain_import,
    driver_age,
    unsafe_unpickler,
    ops_import,
    downstream('mmdet', 'onedl-mmdetection'),
    downstream('mmseg', 'onedl-mmsegmentation'),
    untested_versions,
)


def diagnose(facts: Facts) -> list[Diagnosis]:
    """Run every check; the problem to fix first comes first."""
    found = [check(facts) for check in CHECKS]
    return [diagnosis for diagnosis in found if diagnosis is not None]
