"""Tested versions, and the commands that repair an installation with them."""

# The packages that matter most; requirements/constraints.txt, which an
# installed package does not contain, has all, and a test compares the two.
# If Python 3.10 gets an older version than 3.11 and 3.12, both are listed.
TESTED: dict[str, tuple[str, ...]] = {
    'torch': ('2.12.1',),
    'torchvision': ('0.27.1',),
    'onedl-mmengine': ('0.10.12',),
    'mmcv-lite': ('2.2.0',),
    'onedl-mmcv': ('2.3.6',),
    'onedl-mmpretrain': ('1.3.6',),
    'onedl-mmdetection': ('3.5.1',),
    'onedl-mmsegmentation': ('1.4.2',),
    'onedl-mim': ('0.5.1',),
    'numpy': ('2.2.6', '2.4.6'),
    'opencv-python-headless': ('5.0.0.93',),
}
PYTHONS = ((3, 10), (3, 12))


def tested(distribution: str) -> str:
    """Return the newest tested version."""
    return TESTED[distribution][-1]


PIP = 'python -m pip'
TORCH = (
    f'{PIP} install torch=={tested("torch")} '
    f'torchvision=={tested("torchvision")}'
)
MMENGINE = f'{PIP} install onedl-mmengine=={tested("onedl-mmengine")}'
MMCV_LITE = f'{PIP} install --no-deps mmcv-lite=={tested("mmcv-lite")}'


def torch_for_driver(cuda: int) -> str:
    """Return a command that installs torch for a major CUDA release."""
    tag = {11: 'cu118', 12: 'cu126'}.get(cuda, 'cpu')
    return (
        f'{PIP} install --force-reinstall torch torchvision --index-url '
        f'https://download.pytorch.org/whl/{tag}'
    )


# pip's cache and build isolation do not use the installed torch.
BUILD = '--no-deps --no-cache-dir --no-build-isolation'
# An sdist needs a newer setuptools than a fresh venv has.
BUILD_TOOLS = f"{PIP} install -U 'setuptools>=80,<82' wheel ninja"


def without_dependencies(packages: str) -> str:
    """Return a command that installs packages without dependencies."""
    return (
        f'{BUILD_TOOLS} && {PIP} install --no-deps --no-build-isolation '
        f'{packages}'
    )


def _optional(name: str) -> str:
    command = without_dependencies(f'{name}=={tested(name)}')
    return f'{command}  # or: make full'


MMDET = _optional('onedl-mmdetection')
MMSEG = _optional('onedl-mmsegmentation')
MMPRETRAIN = (
    f'{BUILD_TOOLS} && {PIP} install --no-build-isolation '
    f'onedl-mmpretrain=={tested("onedl-mmpretrain")}'
)
OPS = (
    f'{BUILD_TOOLS} && {PIP} uninstall -y mmcv-lite && '
    f'MAX_JOBS=2 {PIP} install --force-reinstall {BUILD} '
    f'onedl-mmcv=={tested("onedl-mmcv")}'
)
OPS_CUDA = OPS.replace('MAX', 'FORCE_CUDA=1 MAX', 1)
HEADLESS = (
    f'{PIP} uninstall -y opencv-python opencv-contrib-python '
    'opencv-contrib-python-headless opencv-python-headless && '
    f'{PIP} install opencv-python-headless=='
    f'{tested("opencv-python-headless")}'
)

# Upstream's distribution and the fork that installs the same folder.
FORKS = {
    'mmengine': 'onedl-mmengine',
    'mmengine-lite': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmcv-full': 'onedl-mmcv',
    'mmpretrain': 'onedl-mmpretrain',
    'mmcls': 'onedl-mmpretrain',
    'mmselfsup': 'onedl-mmpretrain',
    'mmdet': 'onedl-mmdetection',
    'mmsegmentation': 'onedl-mmsegmentation',
    'openmim': 'onedl-mim',
}
