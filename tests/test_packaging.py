"""Wheel, sdist, editable installation and mim."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.package_samples import (
    CONFIG,
    OFFLINE,
    ROOT,
    build_wheel,
    copy_sources,
    environment_with,
    run,
    short_run,
    short_test,
    wheel_names,
    write_pictures,
)

pytestmark = pytest.mark.slow

BUILD_CONFIG = """
import sys
from pathlib import Path
import mixmae
from mmengine.config import Config
from mixmae.registry import MODELS
folder = Path(mixmae.__file__).parent
cfg = Config.fromfile(folder / '.mim' / 'configs' / 'mixmae' / sys.argv[1])
model = MODELS.build(cfg.model)
heavy = {'mmcv', 'mmpretrain'} & set(sys.modules)
print(folder, type(model).__name__, sorted(heavy), sep='|')
"""


@pytest.fixture(scope='module')
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp('pictures'))


def needs_mim() -> None:
    pytest.importorskip('mim', reason='the full tier is not installed')


def test_wheel_contains_the_files_for_mim(wheel: Path) -> None:
    names = wheel_names(wheel)
    for wanted in (
        f'mixmae/.mim/configs/mixmae/{CONFIG}',
        'mixmae/.mim/configs/mixmae/metafile.yml',
        'mixmae/.mim/tools/train.py',
        'mixmae/.mim/tools/dist_train.sh',
        'mixmae/.mim/model-index.yml',
        'mixmae/py.typed',
    ):
        assert wanted in names
    # Weights of data sets with terms of their own stay out.
    weights = [name for name in names if name.endswith('.safetensors')]
    assert weights == ['mixmae/weights/swin-demo_scenes-64.safetensors']
    assert any(name.endswith('licenses/NOTICE') for name in names)
    assert not [name for name in names if '__pycache__' in name]
    tops = sorted({name.split('/')[0] for name in names})
    assert len(tops) == 3, tops
    # pip sorts RECORD, and mim takes the folder of its first line.
    assert tops[0] < '../../../bin/mixmae'
    assert f'{tops[0]}/.mim/model-index.yml' in names


def test_stale_modules_of_an_earlier_build_are_left_out(
    tmp_path: Path,
) -> None:
    copy = copy_sources(tmp_path / 'mixmae')
    stale = copy / 'build' / 'lib' / 'mixmae' / 'stale.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    names = wheel_names(build_wheel(copy, tmp_path))
    assert 'mixmae/stale.py' not in names


def test_sdist_builds_the_same_wheel(
    package_source: Path, wheel: Path, tmp_path: Path
) -> None:
    code = (
        'import sys; from setuptools.build_meta import build_sdist; '
        'build_sdist(sys.argv[1])'
    )
    run([sys.executable, '-c', code, tmp_path], package_source)
    (archive,) = tmp_path.glob('*.tar.gz')
    shutil.unpack_archive(archive, tmp_path)
    unpacked = tmp_path / archive.name[: -len('.tar.gz')]
    again = build_wheel(unpacked, tmp_path / 'wheel')
    assert sorted(wheel_names(again)) == sorted(wheel_names(wheel))


def test_installed_wheel_imports_and_builds_a_config(
    installed: Path, tmp_path: Path
) -> None:
    done = run([installed, '-c', BUILD_CONFIG, CONFIG], tmp_path)
    folder, model, heavy = done.stdout.strip().splitlines()[-1].split('|')
    assert ROOT not in Path(folder).parents
    assert model == 'MaskedImageModel'
    assert heavy == '[]'


def test_editable_install_links_the_files_for_mim(tmp_path: Path) -> None:
    # The folder is named as the package is: from tmp_path it must not be
    # mistaken for it.
    copy = copy_sources(tmp_path / 'mixmae')
    python = environment_with(copy, tmp_path / 'venv', editable=True)
    for name in ('configs', 'tools', 'model-index.yml'):
        link = copy / 'mixmae' / '.mim' / name
        assert link.is_symlink()
        assert link.resolve() == (copy / name).resolve()
    # Copies beside the links would go stale.
    assert not list((tmp_path / 'venv').rglob(CONFIG))
    done = run([python, '-c', BUILD_CONFIG, CONFIG], tmp_path)
    assert f'{copy / "mixmae"}|MaskedImageModel' in done.stdout
    needs_mim()
    found = tmp_path / 'found.json'
    run([python, '-m', 'mim', 'search', 'mixmae', '--json', found], tmp_path)
    assert 'mixmae_swin-b_8xb128_600e' in found.read_text()


def test_mim_install_editable(tmp_path: Path) -> None:
    needs_mim()
    copy = copy_sources(tmp_path / 'checkout')
    python = environment_with(None, tmp_path / 'venv')
    mim = [python, '-m', 'mim', 'install', *OFFLINE]
    run([*mim, '-e', copy], tmp_path)
    done = run([python, '-c', BUILD_CONFIG, CONFIG], tmp_path)
    assert f'{copy / "mixmae"}|MaskedImageModel' in done.stdout


def test_mim_search(installed: Path, tmp_path: Path) -> None:
    needs_mim()
    found = tmp_path / 'found.json'
    run(
        [installed, '-m', 'mim', 'search', 'mixmae', '--json', found], tmp_path
    )
    assert 'mixmae_swin-b_8xb128_600e' in found.read_text()
    assert 'mixmae_swin-b_16xb128_600e' in found.read_text()


def test_mim_train_and_test_by_the_name_of_a_config(
    installed: Path, pictures: Path, tmp_path: Path
) -> None:
    needs_mim()
    options = ['--work-dir', tmp_path / 'run', *short_run(pictures)]
    mim = [installed, '-m', 'mim']
    run([*mim, 'train', 'mixmae', CONFIG, '--gpus', 0, *options], tmp_path)
    checkpoint = tmp_path / 'run' / 'epoch_1.pth'
    assert checkpoint.is_file()
    command = [*mim, 'test', 'mixmae', CONFIG, '--checkpoint', checkpoint]
    options = ['--work-dir', tmp_path / 'run', *short_test(pictures)]
    done = run([*command, '--gpus', 0, *options], tmp_path)
    assert 'reconstruction' in (done.stdout + done.stderr).lower()


def test_mim_train_on_two_processes_by_path(
    pictures: Path, tmp_path: Path
) -> None:
    # With the interpreter of the tests, where mixmae is usually editable.
    needs_mim()
    config = ROOT / 'configs' / 'mixmae' / CONFIG
    options = ['--work-dir', tmp_path / 'run', *short_run(pictures)]
    mim = [sys.executable, '-m', 'mim', 'train', 'mixmae', config]
    run([*mim, '--launcher', 'pytorch', '--gpus', 2, *options], tmp_path)
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
