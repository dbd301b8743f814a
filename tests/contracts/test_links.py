"""Links in place of files with predictable names."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from mixmae.data_tools.inaturalist_places_lists import write_lists
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    CorruptFileRegister,
    write_corrupt_files,
)
from mixmae.datasets.packed.sample_table import JOURNAL
from mixmae.datasets.packed.tar_listing import list_tars
from mixmae.engine.hooks import ClassPictureHook
from mixmae.fileio.atomic_write import (
    atomic_write,
    checksummed_write,
    damage,
    sidecar,
    write_text_durably,
)
from mixmae.fileio.file_lock import WorkDirLock
from mixmae.visualization.loss_curve import LossCurve, write_reference
from tests.data_tools.test_inaturalist_places_lists import inaturalist
from tests.datasets.grey_pictures import save_pictures
from tests.datasets.packed.test_tar_listing import write_tar
from tests.datasets.packed_pictures import pack_pictures
from tests.fileio.listed_folder import list_images

PRECIOUS = 'precious'


def whole(place: Path) -> None:
    with atomic_write(place) as partial:
        partial.write_text('new')


def listing_cache(place: Path) -> None:
    images = save_pictures(place.parent / 'images')
    assert len(list_images(str(images), ['.png'], str(place))) == 20


def tar_cache(place: Path) -> None:
    write_tar(place.parent / 'tars' / 'a.tar', [('a.jpg', b'x')])
    assert len(list_tars(str(place.parent / 'tars'))[0]) == 1


def lists(place: Path) -> None:
    inaturalist(place.parents[1])
    write_lists('inaturalist2018', place.parents[1], overwrite=True)


def register(place: Path) -> None:
    CorruptFileRegister(place).add(CorruptFile('empty', '/a.jpg'))


def lock(place: Path) -> None:
    WorkDirLock(place.parent).acquire()


def journal(place: Path) -> None:
    images = save_pictures(place.parents[1] / 'images')
    pack_pictures(images, place.parent.with_suffix(''))


def picture(place: Path) -> None:
    class Visualizer:
        def visualize_cls(self, *_, out_file: str, **__) -> None:
            Path(out_file).write_text('new')

    class Runner:
        model = torch.nn.Identity()
        visualizer = Visualizer()

    Runner.model.data_preprocessor = None
    hook = ClassPictureHook(str(place.parent))
    hook.before_test_epoch(Runner)
    images = {'inputs': torch.zeros(1, 3, 4, 4)}
    sample = BaseDataElement(metainfo={'img_path': 'a.jpg'})
    hook.after_test_iter(Runner, 0, images, [sample])


# Name of the file, what writes it, and whether a link is replaced; if not,
# the writer refuses it.
WRITERS = {
    'atomic_write': ('out.json', whole, True),
    'checkpoint': ('a.pth', lambda p: checksummed_write(p, b'new'), True),
    'sidecar': (
        'a.pth.sha256',
        lambda p: checksummed_write(p.with_suffix(''), b'new'),
        True,
    ),
    'note': ('note', lambda p: write_text_durably(p, 'new'), True),
    'corrupt files': (
        'corrupt_files.txt',
        lambda p: write_corrupt_files(p, [CorruptFile('empty', 'a.jpg')]),
        True,
    ),
    'curve': (
        'curve.json',
        lambda p: write_reference(p, LossCurve([1.0], [1.0]), {}),
        True,
    ),
    'listing': ('.images.mixmae_listing.json', listing_cache, True),
    'tars': ('.tars.mixmae_tars.npz', tar_cache, True),
    'lists': ('meta/train.txt', lists, True),
    'picture': ('000000_a.png', picture, True),
    'register': ('corrupt_files.txt', register, False),
    'lock': ('.lock', lock, False),
    'journal': (f'out.partial/{JOURNAL}', journal, False),
}


@pytest.mark.parametrize('target', ['file', 'nothing'])
@pytest.mark.parametrize('kind', WRITERS)
def test_no_writer_follows_a_link(tmp_path, kind, target):
    name, write, replaced = WRITERS[kind]
    (tmp_path / 'elsewhere').mkdir()
    precious = tmp_path / 'elsewhere' / 'precious'
    if target == 'file':
        precious.write_text(PRECIOUS)
    place = tmp_path / 'here' / name
    place.parent.mkdir(parents=True)
    place.symlink_to(precious)
    try:
        write(place)
    except (ValueError, OSError) as error:
        assert not replaced, error
        assert '\n' not in str(error)
    assert place.is_symlink() is not replaced
    assert precious.exists() is (target == 'file')
    if target == 'file':
        assert precious.read_text() == PRECIOUS
    assert len(os.listdir(precious.parent)) == (target == 'file')


@pytest.mark.parametrize(
    'kind', ['atomic_write', 'checkpoint', 'corrupt files']
)
def test_devices_and_pipes_are_not_replaced(tmp_path, kind):
    name, write, _ = WRITERS[kind]
    place = tmp_path / name
    os.mkfifo(place)
    with pytest.raises(OSError, match='not a regular file'):
        write(place)
    assert place.is_fifo()
    place.unlink()
    place.symlink_to('/dev/null')
    with pytest.raises(OSError, match='not a regular file'):
        write(place)
    assert place.is_symlink()


def test_a_sidecar_pipe_does_not_block_the_reader(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(np.zeros(3).tolist(), path)
    os.mkfifo(sidecar(path))
    assert damage(path) is None
    sidecar(path).unlink()
    sidecar(path).symlink_to('/dev/zero')
    assert damage(path) is None


def test_a_folder_of_an_unfinished_pack_that_is_a_link(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'out.partial').symlink_to('elsewhere')
    images = save_pictures(tmp_path / 'images')
    with pytest.raises(ValueError, match='out.partial is a symbolic link'):
        pack_pictures(images, tmp_path / 'out')
    assert not os.listdir(tmp_path / 'elsewhere')
