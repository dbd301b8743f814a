"""Images of a resumed run, compared with those of its checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from mixmae.engine.manifest.checkpoint_search import read_start


def test_moved_images_are_found(resume, folder):
    status, _ = resume(arguments=('--preflight-only',))
    assert status == 0
    moved = folder / 'deeper' / 'moved'
    moved.parent.mkdir()
    (folder / 'images').rename(moved)
    status, _ = resume(f'train_dataloader.dataset.data_root={moved}')
    assert status == 0 and (folder / 'run' / 'epoch_2.pth').is_file()
    record = read_start(folder / 'run' / 'epoch_2.pth').record
    assert record.config['train_dataloader']['dataset']['data_root'] == str(
        moved
    )


def rename(folder: Path) -> None:
    (folder / 'a/003.png').rename(folder / 'a/004.png')


def one_more(folder: Path) -> None:
    shutil.copy(folder / 'a/003.png', folder / 'a/104.png')


def replace(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.rglob('*.png'))):
        path.rename(path.with_name(f'other_{number}.png'))


def repaint(folder: Path) -> None:
    Image.new('RGB', (40, 30)).save(folder / 'a/003.png')


def swap_folders(folder: Path) -> None:
    (folder / 'a').rename(folder / 'd')


@pytest.mark.parametrize(
    'change', [rename, one_more, replace, repaint, swap_folders]
)
def test_other_images_are_refused(resume, folder, change):
    change(folder / 'images')
    status, line = resume()
    assert status == 2 and line.startswith('error: ')
    assert 'images' in line and 'load_from=' in line
    assert not (folder / 'run' / 'epoch_2.pth').exists()
