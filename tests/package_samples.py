"""Packages, environments and short runs for the tests of packaging."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy
from PIL import Image

# Nothing is downloaded; build tools are already installed.
OFFLINE = ('--no-deps', '--no-index', '--no-build-isolation')
ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'swin-demo_scenes-64.py'
BUILT_FROM = (
    'mixmae',
    'configs',
    'tools',
    'requirements',
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'model-index.yml',
    'LICENSE',
    'NOTICE',
    'CHANGELOG.md',
    'CITATION.cff',
    'README.md',
)


def run(
    command: Sequence[object], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command; if it fails, show its whole output."""
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', **variables}
    # Only the installed package may be imported, not the checkout.
    environment.pop('PYTHONPATH', None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f'{done.args}\n{done.stdout}\n{done.stderr}'
    return done


def copy_sources(target: Path) -> Path:
    """Copy the files that a package is built from; a build adds files."""
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    target.mkdir()
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copy2(source, target / name)
    return target


def build_wheel(source: Path, target: Path) -> Path:
    """Build a wheel with the installed build tools, without a network."""
    pip = [sys.executable, '-m', 'pip', 'wheel', '--quiet', *OFFLINE]
    run([*pip, '--wheel-dir', target, source], source)
    (wheel,) = target.glob('*.whl')
    return wheel


def wheel_names(wheel: Path) -> list[str]:
    """Return the names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def environment_with(
    package: Path | None, folder: Path, *, editable: bool = False
) -> Path:
    """Install a wheel or a source folder alone; return the interpreter.

    The environment is new. The dependencies come from the present one, whose
    site-packages follow its own on the path; an editable mixmae there stays
    unseen, because .pth files there are not read.

    Args:
        package: What to install; ``None`` for nothing.
        folder: Where the environment goes.
        editable: Install the source folder without copying it.
    """
    run([sys.executable, '-m', 'venv', '--without-pip', folder], ROOT)
    python = folder / 'bin' / 'python'
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run([python, '-c', code], folder).stdout.strip())
    present = sysconfig.get_path('purelib')
    (site / 'dependencies.pth').write_text(present)
    if package is not None:
        pip = [sys.executable, '-m', 'pip', '--python', python, 'install']
        flag = ['--editable'] if editable else []
        run([*pip, '--quiet', *OFFLINE, *flag, package], folder)
    return python


def write_pictures(root: Path) -> Path:
    """Write eight noise pictures to each of train/ and val/."""
    numbers = numpy.random.default_rng(0)
    for split in ('train', 'val'):
        folder = root / split / 'thing'
        folder.mkdir(parents=True)
        for index in range(8):
            pixels = numbers.integers(0, 256, (64, 64, 3), numpy.uint8)
            Image.fromarray(pixels).save(folder / f'{index}.png')
    return root


def short_run(data: Path) -> list[str]:
    """Options that make two iterations of the demo's config."""
    return [
        '--cfg-options',
        'train_dataloader.sampler.batch_size=2',
        *_small_loader('train_dataloader', data),
        *_small_loader('val_dataloader', data),
        'train_cfg.max_epochs=1',
    ]


def short_test(data: Path) -> list[str]:
    """Options of a test on the same images."""
    return ['--cfg-options', *_small_loader('test_dataloader', data)]


def _small_loader(name: str, data: Path) -> list[str]:
    return [
        f'{name}.dataset.data_root={data}',
        f'{name}.batch_size=2',
        f'{name}.num_workers=0',
        f'{name}.persistent_workers=False',
    ]
