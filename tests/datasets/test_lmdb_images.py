"""LmdbImages: images in an LMDB database of another program."""

import pickle

import pytest
from torch.utils.data import DataLoader

from mixmae.datasets import LmdbImages, lmdb_images
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from mixmae.registry import DATASETS
from tests.datasets.grey_pictures import save_pictures

LOAD = [dict(type='LoadImage')]
lmdb = pytest.importorskip('lmdb', reason='LMDB IS NOT TESTED: no lmdb here')


@pytest.fixture
def database(tmp_path):
    path = tmp_path / 'images.lmdb'
    files = save_pictures(tmp_path / 'images').iterdir()
    put(path, **{f'_{file.stem}': file.read_bytes() for file in files})
    return path


def value(sample):
    return int(sample['img'][0, 0, 0])


def write(path, text):
    path.write_text(text)
    return str(path)


def put(path, **values):
    database = lmdb.open(str(path), map_size=2**20)
    with database, database.begin(write=True) as transaction:
        for key, data in values.items():
            transaction.put(f'pictures/{key[1:]}'.encode(), data)


def test_all_keys_in_their_order(database):
    dataset = DATASETS.build(
        dict(type='LmdbImages', data_root=str(database), pipeline=LOAD)
    )
    assert [value(sample) for sample in dataset] == list(range(20))
    assert dataset[7]['img_path'] == f'{database}/pictures/07'
    assert value(dataset.get_subset([5, 4])[1]) == 4


def test_keys_and_labels_of_a_list(database, tmp_path):
    path = write(tmp_path / 'a.txt', 'pictures/03 1\n# x\n\npictures/01 0\n')
    dataset = LmdbImages(str(database), path, LOAD, with_label=True)
    found = [(value(sample), sample['gt_label']) for sample in dataset]
    assert found == [(3, 1), (1, 0)] and dataset.get_cat_ids(0) == [1]
    path = write(tmp_path / 'b.txt', 'pictures/09\n')
    assert value(LmdbImages(str(database), path, LOAD)[0]) == 9


def test_labels_in_a_list_may_be_ignored(database, tmp_path):
    """A key may itself end in a number."""
    whole = (tmp_path / 'images' / '05.png').read_bytes()
    put(database, **{'_03 7': whole})
    lines = 'pictures/03 1\npictures/03 7\npictures/09\npictures/99 2\n'
    path = write(tmp_path / 'a.txt', lines)
    dataset = LmdbImages(str(database), path, LOAD)
    assert [value(dataset[i]) for i in range(3)] == [3, 5, 9]
    named = dataset.get_data_info(3)['lmdb_key']
    # Neither is a key: the message shows the line.
    assert named == b'pictures/99 2'


def test_metadata_entries_are_no_images(database, tmp_path):
    notes = {b'__len__': b'20', b'__keys__': b'[]', b'__pictures': b'x'}
    with (
        lmdb.open(str(database), map_size=2**20) as opened,
        opened.begin(write=True) as transaction,
    ):
        for key, data in notes.items():
            transaction.put(key, data)
    dataset = LmdbImages(str(database), pipeline=LOAD)
    keys = [dataset.get_data_info(i)['lmdb_key'] for i in range(len(dataset))]
    assert len(keys) == 21 and keys[0] == b'__pictures'


def test_a_database_in_one_file(database):
    dataset = LmdbImages(str(database / 'data.mdb'), pipeline=LOAD)
    assert value(dataset[11]) == 11


def collate(batch):
    return [value(item) for item in batch]


def test_workers_open_it_again(database):
    """The database is already open here, in two data sets."""
    dataset = LmdbImages(str(database), pipeline=LOAD)
    other = LmdbImages(str(database), pipeline=LOAD)
    assert value(dataset[1]) == value(other[1]) == 1
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=2,
        collate_fn=collate,
        multiprocessing_context='fork',
    )
    assert [v for batch in loader for v in batch] == list(range(20))
    # It was closed before the fork and not read since.
    assert not lmdb_images._open
    assert value(pickle.loads(pickle.dumps(other))[2]) == 2


def test_corrupt_images_are_replaced(database, tmp_path):
    put(database, _02=b'', _03=b'no image')
    path = write(
        tmp_path / 'a.txt',
        ''.join(f'pictures/{number:02d}\n' for number in range(21)),
    )
    dataset = LmdbImages(str(database), path, LOAD)
    assert sorted({value(sample) for sample in dataset}) == [
        *(0, 1),
        *range(4, 20),
    ]
    assert dataset.corrupt_files.found() == {
        2: 'empty', 3: 'no image', 20: 'missing',
    }  # fmt: skip
    write_corrupt_files(tmp_path / 'bad.txt', [CorruptFile('', 'pictures/02')])
    bad = str(tmp_path / 'bad.txt')
    assert len(LmdbImages(str(database), path, LOAD, exclude=bad)) == 20


def test_unusable_databases_are_one_line(database, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        LmdbImages(str(tmp_path / 'gone'))
    with pytest.raises(ValueError, match='is not a readable LMDB'):
        LmdbImages(write(tmp_path / 'text.mdb', 'text' * 5000))
    with pytest.raises(ValueError, match='needs ann_file'):
        LmdbImages(str(database), with_label=True)
    with pytest.raises(FileNotFoundError, match='list of keys'):
        LmdbImages(str(database), str(tmp_path / 'gone.txt'))
    path = write(tmp_path / 'a.txt', 'pictures/01 1\npictures/02\n')
    with pytest.raises(ValueError, match='line 2: pictures/02 is not a key'):
        LmdbImages(str(database), path, with_label=True)
    with pytest.raises(ValueError, match='has no keys'):
        LmdbImages(str(database), write(tmp_path / 'b.txt', '#\n'))
    with lmdb.open(str(tmp_path / 'empty')):
        pass
    with pytest.raises(ValueError, match='empty has no image keys'):
        LmdbImages(str(tmp_path / 'empty'))


def test_a_missing_package_is_named(database, monkeypatch):
    monkeypatch.setattr(lmdb_images, 'lmdb', None)
    with pytest.raises(ValueError, match='pip install lmdb'):
        LmdbImages(str(database))
