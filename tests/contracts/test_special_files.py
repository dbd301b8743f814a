"""Readers of folders skip pipes, devices, sockets and link cycles."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from mmengine.dataset import BaseDataset
from PIL import Image

from mixmae.apis import image_input
from mixmae.apis.image_input import list_inputs
from mixmae.data_tools.packing.packing import INDEX
from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.verifier import verify
from mixmae.datasets import (
    LmdbImages,
    PackedImages,
    UnlabeledImageFolder,
    unlabeled_image_folder,
)
from mixmae.datasets.corrupt.corrupt_file_list import read_corrupt_files
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.labels.coco_entry_faults import read_coco
from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.datasets.lmdb_images import read_key_list
from mixmae.datasets.packed.sample_table import read_table
from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.datasets.transforms.load_random_resized_crop import (
    LoadRandomResizedCrop,
)
from tests.datasets.packed.test_tar_listing import write_tar
from tests.datasets.packed_pictures import pack_pictures
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

CONVERTERS = ROOT / 'tools' / 'dataset_converters'
LOAD = [dict(type='LoadImage')]
SPECIAL = ('pipe.png', 'socket.png', 'zero.png', 'pipe-link.png')


@pytest.fixture(autouse=True)
def in_time():
    """Fail tests that hang."""

    def stop(*_):
        raise TimeoutError('it hangs')

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def spoil(folder: Path) -> None:
    """Add one file of each special kind and files of other formats."""
    os.mkfifo(folder / 'pipe.png')
    (folder / 'pipe-link.png').symlink_to('pipe.png')
    (folder / 'zero.png').symlink_to('/dev/zero')
    here = os.getcwd()
    try:
        # A path of a socket may have a hundred characters.
        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind('socket.png')
    finally:
        os.chdir(here)
    (folder / 'circle').symlink_to('.')
    (folder / 'up').symlink_to('..')
    (folder / 'self').symlink_to('self')
    (folder / 'photo.psd').touch()
    (folder / 'notes.txt').touch()


def pictures(folder: Path, suffix: str = '.png') -> Path:
    folder.mkdir(parents=True)
    for index in range(4):
        image = Image.new('L', (8, 8), index)
        image.save(folder / f'{index}{suffix}')
    return folder


@pytest.fixture
def images(tmp_path):
    folder = pictures(tmp_path / 'data' / 'images')
    spoil(folder)
    return folder


def check_skipped(text: str) -> None:
    """Return True if all skipped files are counted."""
    lines = [line for line in text.splitlines() if 'skipped' in line]
    suffixes = next(line for line in lines if 'by suffix' in line)
    assert '1 .psd' in suffixes and '1 .txt' in suffixes
    special = next(line for line in lines if 'not regular files' in line)
    assert '2 named pipe' in special and '1 device' in special
    assert '1 socket' in special
    assert '4 files have two paths and are listed once' in text


@pytest.fixture
def log(monkeypatch):
    lines = []
    for module in (unlabeled_image_folder, image_input):
        monkeypatch.setattr(
            module, 'print_log', lambda text, *_: lines.append(text)
        )
    return lines


def test_training(images, log):
    dataset = UnlabeledImageFolder(str(images), pipeline=LOAD)
    assert sorted(int(one['img'][0, 0, 0]) for one in dataset) == [0, 1, 2, 3]
    check_skipped('\n'.join(log))
    # And once more, with the listing of before.
    log.clear()
    assert len(UnlabeledImageFolder(str(images))) == 4
    check_skipped('\n'.join(log))


@pytest.mark.parametrize('name', SPECIAL)
@pytest.mark.parametrize('loader', [LoadImage(), LoadRandomResizedCrop(8)])
def test_lists_that_name_them(images, tmp_path, name, loader):
    listing = tmp_path / 'list.txt'
    listing.write_text(f'0.png\n{name}\n')
    dataset = UnlabeledImageFolder(
        str(images), ann_file=str(listing), pipeline=[loader]
    )
    # Another image takes its place.
    assert [one['img_path'][-5:] for one in dataset] == ['0.png'] * 2
    assert dataset.corrupt_files.found() == {1: 'unreadable'}
    with pytest.raises(CorruptImageError, match=r'unreadable \(it is a '):
        loader.load(str(images / name))


def test_features_and_reconstructions(images, log):
    assert len(list_inputs(str(images))) == 4
    check_skipped('\n'.join(log))
    for name in SPECIAL:
        with pytest.raises(ValueError, match='not an image file'):
            list_inputs(str(images / name))
    assert len(list_inputs(f'{images}/*.png')) == 4
    assert 'not regular files: 4' in log[-1]


def test_verification_of_images(images, tmp_path, capsys):
    tool = load_tool(CONVERTERS / 'verify_images.py')
    assert tool.main([str(images), '--workers', '0']) == 0
    said = capsys.readouterr().out
    check_skipped(said)
    assert '4 images opened, none is corrupt' in said
    (tmp_path / 'list.txt').write_text('\n'.join(['0.png', *SPECIAL]))
    arguments = ['--ann-file', str(tmp_path / 'list.txt'), '--workers', '2']
    assert tool.main([str(images), *arguments]) == 1
    assert '4 corrupt (4 unreadable)' in capsys.readouterr().out


def test_packing(images, tmp_path, capsys):
    tool = load_tool(CONVERTERS / 'pack.py')
    out = tmp_path / 'packed'
    assert tool.main([str(images), str(out), '--workers', '0']) == 0
    check_skipped(capsys.readouterr().out)
    assert len(PackedImages(str(out))) == 4
    (tmp_path / 'list.txt').write_text('\n'.join(['0.png', *SPECIAL]))
    arguments = [str(tmp_path / 'list.txt'), str(tmp_path / 'two')]
    where = ['--data-root', str(images), '--workers', '0']
    assert tool.main([*arguments, *where]) == 1
    causes = [
        bad.cause
        for bad in read_corrupt_files(tmp_path / 'two/corrupt_files.txt')
    ]
    assert causes == ['unreadable'] * 4


@pytest.mark.parametrize(
    'kind', ['image-folder', 'class-folders', 'segmentation']
)
def test_verification_of_data_sets(tmp_path, kind):
    root = tmp_path / 'set'
    if kind == 'image-folder':
        spoil(pictures(root / 'images'))
    elif kind == 'class-folders':
        for split in ('train', 'val'):
            spoil(pictures(root / split / 'cat'))
            (root / split / 'self').symlink_to('self')
    else:
        for part in ('images', 'annotations'):
            spoil(pictures(root / part / 'train'))
    findings = verify(kind, root, Opening('all'))
    text = '\n'.join(findings.notes)
    assert 'not regular files: ' in text and '.psd' in text
    assert not any('broken' in line for line in findings.problems)
    twice = [*findings.problems, *findings.notes]
    assert any('two paths' in one or 'links back' in one for one in twice)


@pytest.mark.parametrize('name', SPECIAL)
def test_lists_of_other_libraries(images, tmp_path, name):
    """Transforms of other libraries would block on a pipe."""
    entries = [dict(img_path=name) for name in ('0.png', 'gone.png', name)]
    path = tmp_path / 'data.json'
    path.write_text(json.dumps(dict(metainfo={}, data_list=entries)))
    dataset = BaseDataset(str(path), data_prefix=dict(img_path=str(images)))
    with pytest.raises(ValueError, match=f'{name} is a .* not a regular'):
        check_listed_paths(dataset)


def test_images_of_an_annotation_file(images, tmp_path):
    names = ['0.png', *SPECIAL]
    entries = [
        dict(id=i, file_name=name, width=8, height=8)
        for i, name in enumerate(names)
    ]
    box = dict(id=1, image_id=0, category_id=1, bbox=[0, 0, 4, 4], area=16)
    content = dict(
        images=entries,
        annotations=[dict(box, iscrowd=0)],
        categories=[dict(id=1, name='cat')],
    )
    path = tmp_path / 'coco.json'
    path.write_text(json.dumps(content))
    findings = verify(
        'coco-format',
        images,
        Opening('all'),
        annotations=path,
        images=images,
    )
    assert len(findings.problems) == 4
    assert all('does not exist' in one for one in findings.problems)


@pytest.mark.parametrize('kind', ['pipe', '/dev/zero'])
def test_lists_and_indices(images, tmp_path, kind):
    path = tmp_path / 'special'
    if kind == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to(kind)
    readers = [
        lambda: UnlabeledImageFolder(str(images), ann_file=str(path)),
        lambda: UnlabeledImageFolder(str(images), exclude=str(path)),
        lambda: UnlabeledImageFolder(str(path)),
        lambda: PackedImages(str(path)),
        lambda: LmdbImages(str(path)),
        lambda: read_key_list(str(path), False),
        lambda: read_coco(path),
        lambda: read_table(path),
        lambda: load_tool(CONVERTERS / 'unpack_jpegs.py').read_archive(path),
    ]
    for read in readers:
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            read()
        assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_shards(images, tmp_path):
    pack_pictures(images, tmp_path / 'packed')
    shard = tmp_path / 'packed' / 'shard-00000.tar'
    shard.unlink()
    os.mkfifo(shard)
    with pytest.raises(ValueError, match='unreadable.* named pipe'):
        list(PackedImages(str(shard.parent), pipeline=LOAD))
    tool = load_tool(CONVERTERS / 'verify_images.py')
    assert tool.main([str(shard.parent), '--workers', '0']) == 1
    index = shard.parent / INDEX
    index.unlink()
    os.mkfifo(index)
    with pytest.raises(ValueError):
        PackedImages(str(shard.parent))


def test_tars_of_others(images, tmp_path):
    folder = tmp_path / 'tars'
    write_tar(folder / 'a.tar', [('0.png', (images / '0.png').read_bytes())])
    os.mkfifo(folder / 'b.tar')
    (folder / 'c.tar').symlink_to('/dev/zero')
    (folder / 'circle').symlink_to('.')
    dataset = PackedImages(str(folder), pipeline=LOAD)
    assert len(dataset) == 1 and dataset[0]['img'].shape == (8, 8, 3)
