"""Names in files must not lead out of the data's folder."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.datasets.packed.name_list import NameList
from mixmae.datasets.packed.tar_listing import list_tars
from mixmae.fileio.image_listing import cache_beside
from tests.contracts.hostile_names import HOSTILE, HOSTILE_TEXT
from tests.contracts.name_readers import (
    CUT,
    FOREIGN,
    READERS,
    TEXT,
    rewrite,
)
from tests.datasets.packed.test_tar_listing import write_tar
from tests.datasets.packed_pictures import pack_pictures
from tests.fileio.listed_folder import age, forge, list_images


@pytest.fixture
def root(tmp_path):
    """Create a folder with an image, and an image outside of it."""
    root = tmp_path / 'root'
    (root / 'images').mkdir(parents=True)
    for place in (root / 'images' / 'a.png', tmp_path / 'secret.jpg'):
        Image.new('RGB', (4, 4)).save(place)
    return root


@pytest.mark.parametrize(
    'kind',
    [
        # Data sets of other libraries take their time.
        pytest.param(one, marks=pytest.mark.slow if one in FOREIGN else ())
        for one in READERS
    ],
)
@pytest.mark.filterwarnings('ignore')
def test_names_outside_of_the_folder_are_refused(root, kind, tmp_path_factory):
    pack_pictures(root / 'images', tmp_path_factory.mktemp('warm') / 'up')
    for name in HOSTILE_TEXT if kind in TEXT else HOSTILE:
        place = tmp_path_factory.mktemp('trial') / 'root'
        place.parent.rmdir()
        (place / 'images').mkdir(parents=True)
        for one in ('a.png', 'b.png'):
            os.link(root / 'images' / 'a.png', place / 'images' / one)
        try:
            found = READERS[kind](place, name)
        except ValueError as error:
            assert str(error).isprintable(), (kind, name)
            continue
        for path in found:
            assert os.path.normpath(path).startswith(f'{place}/'), name
            assert path.isprintable(), name
        empty = not name.strip()
        assert empty or name.split(CUT.get(kind, '\n'))[0] != name, (
            f'{kind} takes {name!r}'
        )


@pytest.mark.parametrize('kind', READERS)
@pytest.mark.filterwarnings('ignore')
def test_names_below_their_folder_are_read(root, kind):
    os.link(root / 'images' / 'a.png', root / 'images' / 'b.png')
    assert READERS[kind](root, 'b.png')


@pytest.mark.parametrize(
    'kind', ['list', 'list with labels', 'list of classes']
)
def test_absolute_names_below_the_folder_are_read(root, kind):
    os.link(root / 'images' / 'a.png', root / 'images' / 'b.png')
    found = READERS[kind](root, f'{root}/images/b.png')
    assert os.path.samefile(found[1], root / 'images' / 'b.png')


def test_a_listing_cache_names_no_other_files(root):
    images, cache = str(root / 'images'), cache_beside(str(root / 'images'))
    age(images)
    for name in HOSTILE:
        assert list_images(images, ['.png'], cache) == ['a.png']
        forge(cache, lambda content, name=name: content['files'].append(name))
    assert list_images(images, ['.png'], cache) == ['a.png']


def test_a_cache_of_tars_names_no_other_files(root):
    write_tar(root / 'tars' / 'x.tar', [('a.jpg', b'x')])
    os.utime(root / 'tars' / 'x.tar', (10**9, 10**9))
    for name in HOSTILE:
        table, cache = list_tars(str(root / 'tars'))
        assert list(table.names) == [b'a.jpg']
        rewrite(Path(cache), names=NameList.of([name.encode()]))


def test_data_sets_of_any_kind_are_checked(root):
    entries = [dict(img_path=str(root / 'a.jpg'), other='../b', width=4)]
    dataset = SimpleNamespace(
        ann_file='list.txt',
        data_root=str(root),
        data_prefix=dict(img=str(root / 'images')),
        serialize_data=False,
        data_list=entries,
    )
    assert check_listed_paths(dataset) == 1
    for bad in (
        dict(img_path='elsewhere/a.jpg'),
        dict(seg_map_path=f'{root}/images/../../secret.jpg'),
        dict(img_path=[f'{root}/a.jpg', '/etc/passwd']),
        dict(img_path=f'{root}-other/a.jpg'),
    ):
        dataset.data_list = [*entries, bad]
        with pytest.raises(ValueError, match='list.txt: file name'):
            check_listed_paths(dataset)
    dataset.data_root, dataset.data_prefix = '/', {}
    dataset.data_list = [dict(img_path='/etc/passwd')]
    assert check_listed_paths(dataset) == 1
