"""Checks of MMEngine and the packages that build on it."""

from mixmae.doctor.diagnosis import (
    ERROR,
    NOTE,
    WARNING,
    Check,
    Diagnosis,
    unless_blamed,
)
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import (
    BUILD_TOOLS,
    FORKS,
    MMCV_LITE,
    MMENGINE,
    MMPRETRAIN,
    OPS,
    PIP,
)
from mixmae.doctor.tested import tested
from mixmae.version_gates import MINIMUM_MMENGINE, release


def mixed_forks(facts: Facts) -> Diagnosis | None:
    """Check for upstream packages next to the maintained forks."""
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
    # Reinstalls the forks' files that were removed with upstream's.
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
    """Check for mmcv-lite and onedl-mmcv, both written into mmcv/."""
    if not {'mmcv-lite', 'onedl-mmcv'} <= set(facts.installed):
        return None
    cause = 'mmcv-lite and onedl-mmcv are both installed, in one folder mmcv/'
    mend = f'{PIP} uninstall -y mmcv-lite onedl-mmcv && {MMCV_LITE}'
    return Diagnosis('two mmcv', ERROR, cause, f'{mend}  # or: make full')


def mmengine_import(facts: Facts) -> Diagnosis | None:
    """Check for a missing, failing or too old MMEngine."""
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
    """Check for a missing or failing mmcv."""
    probe = facts.probe('mmcv')
    if probe.works:
        return None
    if probe.absent('mmcv'):
        return Diagnosis('no mmcv', ERROR, 'mmcv is not installed', MMCV_LITE)
    return unless_blamed('mmcv', ERROR, probe, facts, MMCV_LITE)


def ops_import(facts: Facts) -> Diagnosis | None:
    """Check for ops that are missing, fail to import or lack the GPU."""
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


def mmpretrain_import(facts: Facts) -> Diagnosis | None:
    """Check for a missing or failing mmpretrain."""
    probe = facts.probe('mmpretrain')
    if probe.works:
        return None
    if probe.absent('mmpretrain'):
        cause = 'onedl-mmpretrain is not installed'
        return Diagnosis('no mmpretrain', ERROR, cause, MMPRETRAIN)
    return unless_blamed('mmpretrain', ERROR, probe, facts, MMPRETRAIN)


def downstream(module: str, distribution: str) -> Check:
    """Return the check of mmdet or mmseg, which pretraining does not need."""

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
        # Without ops it cannot import, which is already reported.
        if not facts.probe('mmcv.ops').works:
            return None
        return unless_blamed(module, WARNING, probe, facts, mend)

    return check
