"""Pretraining of a backbone by one command of an installed wheel."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.package_samples import ROOT, run
from tests.quick_start import SHORT, QuickStart

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('quick start')]

OUT = 'runs/photos'


@pytest.fixture
def trained(quick_start: QuickStart) -> Path:
    """Return the folder of a finished run."""
    quick_start.said(OUT)
    return quick_start.folder / OUT


def test_help_and_a_dry_run_write_nothing(quick_start: QuickStart) -> None:
    folder, mixmae = quick_start.folder, quick_start.mixmae
    assert 'pretrain' in run([mixmae, '--help'], folder).stdout
    command = [mixmae, 'pretrain', '--out', 'dry', '--dry-run', '--data']
    short = SHORT['pretrain'].split()
    said = run([*command, 'photos', *short], folder).stdout
    for words in ('img_size', '1 .psd', 'GFLOPs an image', 'max_epochs = 1'):
        assert words in said
    assert not (folder / 'dry').exists()


def test_a_messy_folder(quick_start: QuickStart, trained: Path) -> None:
    said = quick_start.said(OUT)
    for name in ('config.py', 'epoch_1.pth', 'report.html', 'training.log'):
        assert (trained / name).is_file()
    assert 'epoch 1/1  loss' in said and 'Config:' not in said
    assert len(said.splitlines()) < 45
    with safe_open(trained / 'backbone.safetensors', 'pt') as file:
        header = file.metadata()
    for word in ('window_sizes', 'embed_dims', 'patch_size'):
        assert word in header['backbone']
    assert 'mean' in header['preprocessing']
    assert (trained / 'next' / 'classification.py').is_file()


def test_the_same_command_again_is_refused(
    quick_start: QuickStart, trained: Path
) -> None:
    before = (trained / 'epoch_1.pth').stat().st_mtime_ns
    words = quick_start.commands[OUT][1:] + SHORT['pretrain'].split()
    environment = dict(os.environ)
    environment.pop('PYTHONPATH', None)
    again = subprocess.run(
        [str(quick_start.mixmae), *words],
        cwd=quick_start.folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 2
    assert again.stderr.startswith('error: out=') and again.stdout == ''
    assert again.stderr.count('\n') == 1
    assert (trained / 'epoch_1.pth').stat().st_mtime_ns == before
    run([quick_start.mixmae, *words, '--resume'], quick_start.folder)


def test_the_written_config_runs_with_the_tool(
    quick_start: QuickStart, trained: Path, installed: Path
) -> None:
    folder = quick_start.folder
    code = 'import mixmae; print(*mixmae.__path__)'
    package = Path(run([installed, '-c', code], folder).stdout.strip())
    tool = package / '.mim' / 'tools' / 'train.py'
    options = ['--work-dir', 'again', '--preflight-only']
    done = run([installed, tool, trained / 'config.py', *options], folder)
    assert 'image kinds' in done.stdout


# Before the cells of the notebook: short calls, and a list beside the folder.
SHORTER = """
import mixmae

def shorter(call, **fixed):
    return lambda **given: call(**{**given, **fixed})

mixmae.pretrain = shorter(
    mixmae.pretrain, data=['photos', 'list.txt'], method='simmim',
    image_size=32, epochs=1, devices=2, overrides={'num_workers': 0})
mixmae.finetune = shorter(
    mixmae.finetune, epochs=1, batch_size=4, num_workers=0)
"""


def test_the_notebook_on_two_processes(
    quick_start: QuickStart, installed: Path
) -> None:
    folder = quick_start.folder
    photos = folder / 'photos'
    (folder / 'list.txt').write_text(
        '\n'.join(str(one) for one in photos.glob('*.jpg'))
    )
    notebook = json.loads((ROOT / 'docs/quickstart.ipynb').read_text())
    cells = [
        ''.join(cell['source'])
        for cell in notebook['cells']
        if cell['cell_type'] == 'code'
    ]
    code = '\n'.join([SHORTER, *cells])
    said = run([installed, '-c', code], folder, CUDA_VISIBLE_DEVICES='').stdout
    assert 'backbone: runs/notebook/backbone.safetensors' in said
    assert '9 files were given twice' in ' '.join(said.split())
    assert 'world_size' not in said
    assert said.splitlines()[-1].startswith('new_photos/2.png ')
    assert (folder / 'predictions/notebook/predictions.csv').is_file()
