"""Pretraining of a backbone by one command of an installed wheel."""

import os
import subprocess
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.package_samples import (
    build_wheel,
    copy_sources,
    environment_with,
    run,
)
from tests.recipes.photos import write_photos

pytestmark = pytest.mark.slow

SMALL = ('--model', 'swin-mini', '--epochs', '1', '--devices', 'cpu')
LOADER = ('--cfg-options', 'num_workers=0')


@pytest.fixture(scope='module')
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip('mmpretrain')
    source = copy_sources(tmp_path_factory.mktemp('source') / 'mixmae')
    wheel = build_wheel(source, tmp_path_factory.mktemp('wheel'))
    return environment_with(wheel, tmp_path_factory.mktemp('env') / 'venv')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an empty folder beside a folder of photos."""
    folder = tmp_path_factory.mktemp('empty')
    photos = folder.parent / f'{folder.name} photos'
    write_photos(photos, 24)
    (photos / 'a.heic').write_text('x')
    (photos / 'broken.jpg').write_text('no image')
    os.symlink(photos, photos / 'again')
    return folder


def photos_of(folder: Path) -> Path:
    return folder.parent / f'{folder.name} photos'


@pytest.fixture(scope='module')
def trained(python: Path, folder: Path) -> tuple[Path, str]:
    """Return a finished run and the output of its command."""
    mixmae = python.parent / 'mixmae'
    command = [mixmae, 'pretrain', '--out', 'run', '--data']
    done = run([*command, photos_of(folder), *SMALL, *LOADER], folder)
    return folder / 'run', done.stdout + done.stderr


def test_help_and_a_dry_run_write_nothing(python: Path, folder: Path) -> None:
    mixmae = python.parent / 'mixmae'
    assert 'pretrain' in run([mixmae, '--help'], folder).stdout
    command = [mixmae, 'pretrain', '--out', 'dry', '--dry-run', '--data']
    said = run([*command, photos_of(folder), *SMALL], folder).stdout
    for words in ('img_size', '1 .heic', 'GFLOPs an image', 'max_epochs = 1'):
        assert words in said
    assert not (folder / 'dry').exists()


def test_a_messy_folder(trained: tuple[Path, str]) -> None:
    out, said = trained
    for name in ('config.py', 'epoch_1.pth', 'report.html', 'training.log'):
        assert (out / name).is_file()
    assert 'epoch 1/1  loss' in said and 'Config:' not in said
    assert len(said.splitlines()) < 45
    with safe_open(out / 'backbone.safetensors', 'pt') as file:
        header = file.metadata()
    for word in ('window_sizes', 'embed_dims', 'patch_size'):
        assert word in header['backbone']
    assert 'mean' in header['preprocessing']
    assert (out / 'next' / 'classification.py').is_file()


def test_the_same_command_again_is_refused(
    python: Path, folder: Path, trained: tuple[Path, str]
) -> None:
    out, _ = trained
    before = (out / 'epoch_1.pth').stat().st_mtime_ns
    command = [python, '-m', 'mixmae', 'pretrain', '--out', out, '--data']
    command += [photos_of(folder), *SMALL, *LOADER]
    environment = dict(os.environ)
    environment.pop('PYTHONPATH', None)
    again = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 2
    assert again.stderr.startswith('error: out=') and again.stdout == ''
    assert again.stderr.count('\n') == 1
    assert (out / 'epoch_1.pth').stat().st_mtime_ns == before
    run([*command, '--resume'], folder)


def test_the_written_config_runs_with_the_tool(
    python: Path, folder: Path, trained: tuple[Path, str]
) -> None:
    out, _ = trained
    code = 'import mixmae; print(*mixmae.__path__)'
    package = Path(run([python, '-c', code], folder).stdout.strip())
    tool = package / '.mim' / 'tools' / 'train.py'
    run([python, tool, out / 'config.py', '--work-dir', 'again'], folder)
    assert (folder / 'again' / 'epoch_1.pth').is_file()


def test_from_python_on_two_processes(python: Path, folder: Path) -> None:
    (folder / 'list.txt').write_text(
        '\n'.join(str(one) for one in photos_of(folder).glob('*.jpg'))
    )
    code = f"""
import mixmae
run = mixmae.pretrain(
    out='two', data=[{str(photos_of(folder))!r}, 'list.txt'],
    model='swin-mini', method='simmim', image_size=32, epochs=1, devices=2,
    overrides={{'num_workers': 0}})
print(run.backbone)
"""
    said = run([python, '-c', code], folder, CUDA_VISIBLE_DEVICES='').stdout
    assert said.splitlines()[-1] == 'two/backbone.safetensors'
    assert '9 files were given twice' in ' '.join(said.split())
    assert 'world_size' not in said
