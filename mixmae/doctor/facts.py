"""What is installed, found out without trusting any of it.

Every heavy package is imported in a process of its own, so that an extension
which crashes its interpreter takes nothing else along.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata

DISTRIBUTIONS = (
    'torch',
    'torchvision',
    'numpy',
    'setuptools',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmpretrain',
    'onedl-mmdetection',
    'onedl-mmsegmentation',
    'onedl-mim',
    'mmcv-lite',
    'mmengine',
    'mmengine-lite',
    'mmcv',
    'mmcv-full',
    'mmpretrain',
    'mmcls',
    'mmselfsup',
    'mmdet',
    'mmsegmentation',
    'openmim',
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)

# Each prints one JSON object on its last line; an exception is the answer too.
PROBES = {
    'torch': """
import warnings
warnings.simplefilter('ignore')
import torch
answer['version'] = torch.__version__
answer['cuda'] = torch.version.cuda
answer['gpu'] = torch.cuda.is_available()
if answer['gpu']:
    answer['device'] = torch.cuda.get_device_name()
if torch.version.cuda:
    try:
        answer['driver'] = torch._C._cuda_getDriverVersion()
    except (AttributeError, RuntimeError):
        pass
""",
    'torchvision': """
import torch, torchvision
answer['version'] = torchvision.__version__
torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
""",
    'numpy': "import numpy; answer['version'] = numpy.__version__",
    'cv2': "import cv2; answer['version'] = cv2.__version__",
    'mmengine': """
import mmengine, mmengine.runner
answer['version'] = mmengine.__version__
""",
    'mmcv': "import mmcv; answer['version'] = mmcv.__version__",
    'mmcv.ops': """
import mmcv.ops
answer['cuda'] = mmcv.ops.get_compiling_cuda_version()
""",
    'mmpretrain': """
import mmpretrain, mmpretrain.models, mmpretrain.datasets
answer['version'] = mmpretrain.__version__
""",
    'mmdet': """
import mmdet, mmdet.models, mmdet.datasets
answer['version'] = mmdet.__version__
""",
    'mmseg': """
import mmseg, mmseg.models, mmseg.datasets
answer['version'] = mmseg.__version__
""",
    'mim': """
import mim
from importlib.metadata import version
answer['version'] = version('onedl-mim')
""",
}
WRAPPER = """
import json, sys
answer = {}
try:
    exec(sys.argv[1])
except BaseException as error:
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0].strip() if lines else ''
    answer['error'] = f'{type(error).__name__}: {text}'
    if isinstance(error, ModuleNotFoundError):
        answer['missing'] = error.name or ''
print()
print(json.dumps(answer))
"""
TIMEOUT = 180


@dataclass(frozen=True)
class Probe:
    """What came of importing one package.

    Attributes:
        error: The exception in one line; empty if the import went well.
        missing: The module the error says is not there, or empty.
        version: As the package itself says.
        cuda: Release of CUDA it was built with, such as ``13.0``.
        gpu: Whether torch can use a GPU (torch only).
        device: The GPU's name (torch only).
        driver: CUDA release the driver can serve, as 1000 x major + 10 x
            minor; 0 without a driver (torch only).
    """

    error: str = ''
    missing: str = ''
    version: str = ''
    cuda: str | None = None
    gpu: bool = False
    device: str = ''
    driver: int = 0

    @property
    def works(self) -> bool:
        """Whether it can be imported."""
        return not self.error

    def absent(self, module: str) -> bool:
        """Whether the import failed because ``module`` is not installed."""
        return self.missing.split('.')[0] == module.split('.')[0]


@dataclass(frozen=True)
class Facts:
    """All the doctor knows; diagnoses are functions of this alone.

    Attributes:
        python: Major and minor version of this interpreter.
        installed: Versions by the name of the distribution.
        probes: What came of importing, by the name of the module.
    """

    python: tuple[int, int]
    installed: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)

    def probe(self, module: str) -> Probe:
        """Return what came of importing ``module``."""
        missing = Probe(error='not tried', missing=module)
        return self.probes.get(module, missing)


def installed_distributions() -> dict[str, str]:
    """Return name and version of every distribution that matters here."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def run_probe(code: str) -> Probe:
    """Run one probe in a fresh interpreter."""
    try:
        done = subprocess.run(
            [sys.executable, '-c', WRAPPER, code],
            capture_output=True,
            text=True,
            errors='replace',
            timeout=TIMEOUT,
            # No checkout in the current folder may shadow what is installed.
            cwd=tempfile.gettempdir(),
            env={**os.environ, 'PYTHONWARNINGS': 'ignore'},
        )
    except subprocess.TimeoutExpired:
        return Probe(error=f'did not end within {TIMEOUT} s')
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Probe(error=f'the interpreter crashed ({name})')
    try:
        return Probe(**json.loads(done.stdout.strip().splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        return Probe(error=f'exit status {done.returncode}, no answer')


def gather() -> Facts:
    """Find out what is installed here and whether it imports."""
    # Each probe is a process of its own; the threads only wait for them.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        answers = dict(zip(PROBES, pool.map(run_probe, PROBES.values())))
    return Facts(sys.version_info[:2], installed_distributions(), answers)


def describe(facts: Facts) -> list[tuple[str, str]]:
    """Return (name, state) rows for what is installed."""
    rows = [('python', f'{platform.python_version()}  {sys.executable}')]
    for module in PROBES:
        probe = facts.probe(module)
        if probe.works:
            state = probe.version or 'works'
        elif probe.absent(module):
            state = 'not installed'
        else:
            state = f'does not import: {probe.error}'
        if module == 'mmcv' and probe.works:
            lite = 'mmcv-lite' in facts.installed
            state += '  (mmcv-lite)' if lite else '  (full)'
        if module == 'mmcv.ops' and probe.works:
            cpu = probe.cuda in (None, 'not available')
            state = 'CPU' if cpu else f'CUDA {probe.cuda}'
        elif module == 'mmcv.ops' and probe.missing.startswith('mmcv'):
            state = 'none'
        if module == 'torch' and probe.works:
            state += f'  CUDA {probe.cuda}' if probe.cuda else '  CPU build'
            state += f'  GPU: {probe.device or "none usable"}'
        rows.append((module, state))
    return rows
