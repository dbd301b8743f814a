"""Installed packages, and the results of importing them.

Packages are imported in another process, so that an extension that crashes its
interpreter does no other harm. First all share one process, since most of them
import torch, which takes seconds. The first one that fails and all after it
get a process each, since a failed import may leave any state behind.
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

from mixmae.doctor.remedies import FORKS, TESTED
from mixmae.version import installed_version

# Each fills in the dict `answer`; an exception is an answer too. Packages
# follow those they import; packages outside the base tier come last.
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
    'mmpretrain': """
import mmpretrain, mmpretrain.models, mmpretrain.datasets
answer['version'] = mmpretrain.__version__
""",
    'mmcv.ops': """
import mmcv.ops
answer['cuda'] = mmcv.ops.get_compiling_cuda_version()
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
# Ends with the first probe that fails.
WRAPPER = """
import json, sys
for name, code in json.loads(sys.argv[1]).items():
    answer = {}
    try:
        exec(code, {'answer': answer})
    except BaseException as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        text = lines[0].strip() if lines else ''
        answer['error'] = f'{type(error).__name__}: {text}'
        if isinstance(error, ModuleNotFoundError):
            answer['missing'] = error.name or ''
    print('\\n' + sys.argv[2] + json.dumps([name, answer]), flush=True)
    if 'error' in answer:
        break
"""
# Prefix of a line with an answer among the output of packages.
MARK = 'mixmae.doctor: '
# Seconds for the import of all packages.
PROBE_TIMEOUT = 180


@dataclass(frozen=True)
class Probe:
    """Result of importing one package.

    Attributes:
        error: The exception in one line; empty if the import succeeded.
        missing: The module that the error reports as missing, or empty.
        version: Version that the package reports.
        cuda: Release of CUDA it was built with, such as ``13.0``.
        gpu: Whether torch can use a GPU (torch only).
        device: Name of the GPU (torch only).
        driver: CUDA release that the driver supports, as 1000 x major + 10 x
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
        """Return True if the import failed for lack of ``module``."""
        return self.missing.split('.')[0] == module.split('.')[0]


def run_probes(codes: Mapping[str, str]) -> dict[str, Probe]:
    """Run some ``PROBES`` one after another in one new interpreter.

    Returns:
        Answers by name of the module, up to and including the first that
        reports a failure; only the first name if the interpreter crashed.
    """
    first = next(iter(codes))
    try:
        done = subprocess.run(
            [sys.executable, '-c', WRAPPER, json.dumps(dict(codes)), MARK],
            capture_output=True,
            text=True,
            errors='replace',
            timeout=PROBE_TIMEOUT,
            # A checkout in the current folder must not shadow installed
            # packages.
            cwd=tempfile.gettempdir(),
            env={**os.environ, 'PYTHONWARNINGS': 'ignore'},
        )
    except subprocess.TimeoutExpired:
        return {first: Probe(error=f'did not end within {PROBE_TIMEOUT} s')}
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return {first: Probe(error=f'the interpreter crashed ({name})')}
    lines = done.stdout.splitlines()
    lines = [line[len(MARK) :] for line in lines if line.startswith(MARK)]
    if done.returncode or not lines:
        error = f'exit status {done.returncode}, no answer'
        return {first: Probe(error=error)}
    answers = dict(json.loads(line) for line in lines)
    return {name: Probe(**answer) for name, answer in answers.items()}


def run_probe(code: str) -> Probe:
    """Run one probe in a new interpreter."""
    return run_probes({'': code})['']


def run_every_probe(codes: Mapping[str, str]) -> dict[str, Probe]:
    """Run some ``PROBES`` in one interpreter; after a failure in one each."""
    found = run_probes(codes)
    found = {name: probe for name, probe in found.items() if probe.works}
    rest = [name for name in codes if name not in found]
    # Each probe is a separate process; the threads only wait for them.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        answers = pool.map(run_probe, [codes[name] for name in rest])
        found |= dict(zip(rest, answers))
    return {name: found[name] for name in codes}


DISTRIBUTIONS = (
    *TESTED,
    *FORKS,
    'opencv-python',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)


@dataclass(frozen=True)
class Facts:
    """Facts about an installation; diagnoses depend on these only.

    Attributes:
        python: Major and minor version of this interpreter.
        installed: Versions by name of the distribution.
        probes: Import results by name of the module.
    """

    python: tuple[int, int]
    installed: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)

    def probe(self, module: str) -> Probe:
        """Return the result of importing ``module``."""
        missing = Probe(error='not tried', missing=module)
        return self.probes.get(module, missing)


def installed_distributions() -> dict[str, str]:
    """Return name and version of every relevant distribution."""
    found = {name: installed_version(name) for name in DISTRIBUTIONS}
    return {name: one for name, one in found.items() if one is not None}


def gather() -> Facts:
    """Collect the installed packages and try to import them."""
    answers = run_every_probe(PROBES)
    return Facts(sys.version_info[:2], installed_distributions(), answers)


def describe(facts: Facts) -> list[tuple[str, str]]:
    """Return (name, state) rows of the installed packages."""
    rows = [('python', f'{platform.python_version()}  {sys.executable}')]
    return rows + [(module, _state(facts, module)) for module in PROBES]


def _state(facts: Facts, module: str) -> str:
    probe = facts.probe(module)
    if probe.absent(module):
        return 'none' if module == 'mmcv.ops' else 'not installed'
    if not probe.works:
        return f'does not import: {probe.error}'
    if module == 'mmcv.ops':
        cpu = probe.cuda in (None, 'not available')
        return 'CPU' if cpu else f'CUDA {probe.cuda}'
    if module == 'mmcv':
        lite = 'mmcv-lite' in facts.installed
        return f'{probe.version}  ({"mmcv-lite" if lite else "full"})'
    if module == 'torch':
        build = f'CUDA {probe.cuda}' if probe.cuda else 'CPU build'
        gpu = probe.device or 'none usable'
        return f'{probe.version}  {build}  GPU: {gpu}'
    return probe.version
