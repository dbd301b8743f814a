"""What can be wrong, each a function of the facts alone.

A check returns one diagnosis or ``None``; the first one is to be mended first.
"""

from collections.abc import Callable

from mixmae.doctor.diagnosis import (
    ERROR,
    NOTE,
    UNTESTED,
    WARNING,
    Diagnosis,
    unless_blamed,
)
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import (
    BUILD_TOOLS,
    FORKS,
    HEADLESS,
    MMCV_LITE,
    MMENGINE,
    MMPRETRAIN,
    OPS,
    PIP,
    TORCH,
)
from mixmae.doctor.tested import PYTHONS, TESTED, tested
from mixmae.doctor.unpickler import unsafe_unpickler
from mixmae.version_gates import MINIMUM_MMENGINE, MINIMUM_TORCH, release

Check = Callable[[Facts], Diagnosis | None]


def python_version(facts: Facts) -> Diagnosis | None:
    """Python is outside the tested range."""
    lowest, highest = PYTHONS
    if lowest <= facts.python <= highest:
        return None
    severity = ERROR if facts.python < lowest else UNTESTED
    version = '.'.join(map(str, facts.python))
    cause = f'Python {version}; tested are 3.10 to 3.12'
    return Diagnosis(
        'python', severity, cause, 'python3.11 -m venv .venv  # make anew'
    )


def torch_import(facts: Facts) -> Diagnosis | None:
    """There is no torch, it does not import, or it is too old."""
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
    """The NVIDIA driver cannot serve the CUDA release torch is built for."""
    probe = facts.probe('torch')
    if not probe.works or not probe.cuda or not probe.driver or probe.gpu:
        return None
    major = probe.driver // 1000
    # Drivers serve every minor release of their own major one.
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
    """There is no torchvision, or one made for another torch."""
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
    # A local tag such as +cpu comes from PyTorch's own index only, and both
    # must come from the same one.
    mend = f'{PIP} uninstall -y torch torchvision && {TORCH}'
    return Diagnosis(name, ERROR, cause, mend)


def mixed_forks(facts: Facts) -> Diagnosis | None:
    """Upstream's packages stand beside the maintained forks."""
    ours = [name for name in facts.installed if name.startswith('onedl-')]
    theirs = [name for name in FORKS if name in facts.installed]
    if not theirs:
        return None
    beside = f' beside {", ".join(sorted(ours))}' if ours else ''
    cause = (
        f'upstream {", ".join(theirs)}{beside}: they share folders and '
        'overwrite each other'
    )
    forks = {FORKS[name] for name in theirs}
    # Those of the forks' files that went with upstream's have to come back.
    remove = sorted({*theirs, *forks & set(facts.installed)})
    install = [f'{name}=={tested(name)}' for name in sorted(forks)]
    mend = f'{PIP} uninstall -y {" ".join(remove)}'
    if 'onedl-mmcv' in forks:
        install.remove(f'onedl-mmcv=={tested("onedl-mmcv")}')
        mend += f' && {MMCV_LITE}'
    if install:
        mend += (
            f' && {BUILD_TOOLS} && {PIP} install --no-deps '
            f'--no-build-isolation {" ".join(install)}'
        )
    return Diagnosis('mixed forks', ERROR, cause, mend)


def two_mmcv(facts: Facts) -> Diagnosis | None:
    """mmcv-lite and onedl-mmcv have both written into mmcv/."""
    if not {'mmcv-lite', 'onedl-mmcv'} <= set(facts.installed):
        return None
    cause = 'mmcv-lite and onedl-mmcv are both installed, in one folder mmcv/'
    mend = f'{PIP} uninstall -y mmcv-lite onedl-mmcv && {MMCV_LITE}'
    return Diagnosis('two mmcv', ERROR, cause, f'{mend}  # or: make full')


def mmengine_import(facts: Facts) -> Diagnosis | None:
    """There is no MMEngine, it does not import, or it is too old."""
    probe = facts.probe('mmengine')
    if probe.works:
        mixed = {'mmengine', 'mmengine-lite'} & set(facts.installed)
        if release(probe.version) < MINIMUM_MMENGINE and not mixed:
            oldest = '.'.join(map(str, MINIMUM_MMENGINE))
            cause = f'mmengine {probe.version} is older than {oldest}'
            return Diagnosis('old mmengine', ERROR, cause, MMENGINE)
        return None
    if probe.absent('mmengine'):
        cause = 'onedl-mmengine is not installed'
        return Diagnosis('no mmengine', ERROR, cause, MMENGINE)
    return unless_blamed('mmengine', ERROR, probe, facts, MMENGINE)


def mmcv_import(facts: Facts) -> Diagnosis | None:
    """There is no mmcv, or it does not import."""
    probe = facts.probe('mmcv')
    if probe.works:
        return None
    if probe.absent('mmcv'):
        return Diagnosis('no mmcv', ERROR, 'mmcv is not installed', MMCV_LITE)
    return unless_blamed('mmcv', ERROR, probe, facts, MMCV_LITE)


def ops_import(facts: Facts) -> Diagnosis | None:
    """There are no ops, they do not import, or they leave the GPU idle."""
    torch, ops = facts.probe('torch'), facts.probe('mmcv.ops')
    if not facts.probe('mmcv').works or not torch.works:
        return None
    if ops.missing.startswith('mmcv'):
        cause = (
            'mmcv has no compiled ops: pretraining runs, detection and '
            'segmentation need them'
        )
        return Diagnosis('no ops', NOTE, cause, f'{OPS}  # or: make full')
    if 'undefined symbol' in ops.error:
        cause = f"mmcv's ops are built for another torch than {torch.version}"
        mend = f'{OPS}  # or: make ops'
        return Diagnosis('ops for another torch', WARNING, cause, mend)
    if not ops.works:
        cause = f"mmcv's ops do not import: {ops.error}"
        mend = f'{OPS}  # or: make ops'
        return Diagnosis('broken ops', WARNING, cause, mend)
    if torch.gpu and ops.cuda in (None, 'not available'):
        cause = (
            f"mmcv's ops are for the CPU, beside torch {torch.version} with "
            'a GPU: detection will fail there'
        )
        mend = f'{OPS.replace("MAX", "FORCE_CUDA=1 MAX", 1)}'
        mend += '  # needs nvcc; or: make ops OPS=cuda; see docs/gpu_ops.md'
        return Diagnosis('CPU ops', WARNING, cause, mend)
    return None


def opencv_import(facts: Facts) -> Diagnosis | None:
    """OpenCV is missing or does not import, most often for libGL."""
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
    """Several distributions have written into cv2/."""
    flavours = [name for name in facts.installed if name.startswith('opencv')]
    if len(flavours) < 2:
        return None
    cause = f'{", ".join(flavours)} are all installed, in one folder cv2/'
    return Diagnosis('two opencv', WARNING, cause, HEADLESS)


def mmpretrain_import(facts: Facts) -> Diagnosis | None:
    """There is no mmpretrain, or it does not import."""
    probe = facts.probe('mmpretrain')
    if probe.works:
        return None
    if probe.absent('mmpretrain'):
        cause = 'onedl-mmpretrain is not installed'
        return Diagnosis('no mmpretrain', ERROR, cause, MMPRETRAIN)
    return unless_blamed('mmpretrain', ERROR, probe, facts, MMPRETRAIN)


def downstream(module: str, distribution: str) -> Check:
    """Return the check for mmdet or mmseg, which pretraining does not need."""

    def check(facts: Facts) -> Diagnosis | None:
        probe = facts.probe(module)
        mend = (
            f'{BUILD_TOOLS} && {PIP} install --no-deps --no-build-isolation '
            f'{distribution}=={tested(distribution)}'
        )
        if probe.works:
            return None
        if probe.absent(module):
            cause = f'{module} is not installed: optional'
            return Diagnosis(
                f'no {module}', NOTE, cause, f'{mend}  # or: make full'
            )
        # Without ops it cannot import, and that is said already.
        if not facts.probe('mmcv.ops').works:
            return None
        return unless_blamed(module, WARNING, probe, facts, mend)

    return check


def untested_versions(facts: Facts) -> Diagnosis | None:
    """Versions differ from those the tests run with."""
    other = []
    for name, versions in TESTED.items():
        found = facts.installed.get(name)
        if found is not None and found.split('+')[0] not in versions:
            other.append(f'{name} {found} (tested: {", ".join(versions)})')
    if not other:
        return None
    cause = f'outside the tested set, may work: {"; ".join(other)}'
    mend = f'{PIP} install -c requirements/constraints.txt <the package>'
    return Diagnosis('untested versions', UNTESTED, cause, mend)


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
    """Run every check; the first thing to mend comes first."""
    found = [check(facts) for check in CHECKS]
    return [diagnosis for diagnosis in found if diagnosis is not None]
