"""Checks of torch and torchvision."""

from mixmae.doctor.diagnosis import ERROR, WARNING, Diagnosis
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import PIP, TORCH
from mixmae.version_gates import MINIMUM_TORCH, release


def torch_import(facts: Facts) -> Diagnosis | None:
    """Check for a torch that is missing, fails to import or is too old."""
    probe = facts.probe('torch')
    if probe.absent('torch'):
        return Diagnosis('no torch', ERROR, 'torch is not installed', TORCH)
    if not probe.works:
        cause = f'torch does not import: {probe.error}'
        mend = TORCH.replace('install', 'install --force-reinstall', 1)
        return Diagnosis('broken torch', ERROR, cause, mend)
    if release(probe.version) < MINIMUM_TORCH:
        cause = f'torch {probe.version} is older than 2.4'
        return Diagnosis('old torch', ERROR, cause, TORCH)
    return None


def driver_age(facts: Facts) -> Diagnosis | None:
    """Check for an NVIDIA driver too old for torch's CUDA release."""
    probe = facts.probe('torch')
    if not probe.works or not probe.cuda or not probe.driver or probe.gpu:
        return None
    major = probe.driver // 1000
    # Drivers support every minor release of their major release.
    if major >= int(probe.cuda.split('.')[0]):
        return None
    driver = f'{major}.{probe.driver % 1000 // 10}'
    cause = (
        f'the NVIDIA driver serves CUDA {driver}, torch {probe.version} is '
        f'built for {probe.cuda}: the GPU stays unused'
    )
    tag = {11: 'cu118', 12: 'cu126'}.get(major, 'cpu')
    mend = (
        f'{PIP} install --force-reinstall torch torchvision --index-url '
        f'https://download.pytorch.org/whl/{tag}  # or update the driver'
    )
    return Diagnosis('old driver', WARNING, cause, mend)


def torchvision_import(facts: Facts) -> Diagnosis | None:
    """Check for a missing torchvision, or one built for another torch."""
    torch, probe = facts.probe('torch'), facts.probe('torchvision')
    if not torch.works or probe.works:
        return None
    if probe.absent('torchvision'):
        cause = 'torchvision is not installed, which mmpretrain needs'
        return Diagnosis('no torchvision', ERROR, cause, TORCH)
    if 'torchvision::' in probe.error or 'undefined symbol' in probe.error:
        version = facts.installed.get('torchvision', '')
        cause = (
            f'torchvision {version} is built for another torch than '
            f'{torch.version} ({probe.error})'
        )
        name = 'torchvision mismatch'
    else:
        name = 'broken torchvision'
        cause = f'torchvision does not import: {probe.error}'
    # Local tags such as +cpu exist only on PyTorch's own index, and both
    # packages must come from the same index.
    mend = f'{PIP} uninstall -y torch torchvision && {TORCH}'
    return Diagnosis(name, ERROR, cause, mend)
