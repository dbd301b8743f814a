"""Cache of a listing: stale, forged and foreign caches are replaced."""

import json
import os

import pytest

from mixmae.fileio import listing_cache
from mixmae.fileio.image_listing import (
    cache_beside,
    list_folder,
)
from tests.contracts.hostile_names import HOSTILE
from tests.fileio.listed_folder import EXPECTED, age, forge, list_images, make


def test_a_cache_saves_the_walk(folder, monkeypatch):
    cache = cache_beside(str(folder))
    age(folder)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    notes = list_folder(str(folder), ['.jpg', '.png'], cache).notes()
    assert notes == ['skipped by suffix: 1 .txt']

    def refuse(path):
        raise AssertionError(f'{path} is looked into')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'scandir', refuse)
        known = list_folder(str(folder), ['.jpg', '.png'], cache)
    assert known.files == EXPECTED and known.notes() == notes
    # The cache is for one choice of suffixes and one folder.
    assert list_images(str(folder), ['.png'], cache) == ['a.png']
    below = list_images(str(folder / 'b'), ['.jpg', '.png'], cache)
    assert below == ['1.jpg', '2.JPG']


FORGERIES = {
    'a way out': lambda content: content['files'].append('../secret.jpg'),
    'absolute': lambda content: content['files'].append('/etc/passwd.jpg'),
    'invented': lambda content: content['files'].append('b/3.jpg'),
    'hidden': lambda content: content['files'].pop(),
    'no text': lambda content: content['files'].append(3),
    'no list': lambda content: content.update(files='a.png'),
    'times': lambda content: content['times'].popitem(),
    'the future': lambda content: content.update(started=2**70),
    'left out': lambda content: content['listing'].update(left_out={}),
    'unsealed': lambda content: content.pop('seal'),
    'no seal': lambda content: content.update(seal=None),
    'another seal': lambda content: content.update(seal='0' * 64),
    'foreign letters': lambda content: content.update(seal='\udc80'),
}


@pytest.mark.parametrize('kind', FORGERIES)
def test_a_forged_cache_is_rebuilt(folder, kind):
    cache = cache_beside(str(folder))
    age(folder)
    list_images(str(folder), ['.jpg', '.png'], cache)
    forge(cache, FORGERIES[kind])
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


@pytest.mark.parametrize(
    'text',
    ['', '[]', '{', '{"format": 1}', '[' * 100_000, '{"a":' * 100_000],
)
def test_an_invalid_cache_is_rebuilt(folder, text):
    cache = cache_beside(str(folder))
    with open(cache, 'w') as file:
        file.write(text)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_a_cache_of_another_user_is_rebuilt(folder, monkeypatch, tmp_path):
    cache = cache_beside(str(folder))
    age(folder)
    list_images(str(folder), ['.jpg', '.png'], cache)
    with open(cache) as file:
        theirs = file.read()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'mine'))
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    with open(cache) as file:
        assert json.load(file)['seal'] not in theirs


def test_names_of_a_sealed_cache_are_checked(folder, monkeypatch):
    """Names are checked whoever wrote the cache."""
    cache = cache_beside(str(folder))
    age(folder)
    monkeypatch.setattr(
        listing_cache, 'is_sealed', lambda content, checksum: True
    )
    for name in HOSTILE:
        list_images(str(folder), ['.jpg', '.png'], cache)
        forge(cache, lambda content, name=name: content['files'].append(name))
        assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_the_cache_of_a_read_only_folder_is_in_the_home_folder(
    folder, monkeypatch
):
    monkeypatch.setattr(os, 'access', lambda *_: False)
    cache = cache_beside(str(folder))
    assert not cache.startswith(str(folder.parent))
    age(folder)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    assert os.path.isfile(cache)
    assert cache != cache_beside(str(folder / 'b'))


@pytest.mark.parametrize('kind', ['pipe', 'device', 'folder', 'link'])
def test_a_cache_that_is_not_a_regular_file(folder, tmp_path, kind):
    cache = tmp_path / 'cache.json'
    (tmp_path / 'precious').write_text('precious')
    if kind == 'pipe':
        os.mkfifo(cache)
    elif kind == 'folder':
        cache.mkdir()
    else:
        cache.symlink_to('/dev/zero' if kind == 'device' else 'precious')
    for _ in range(2):
        found = list_images(str(folder), ['.jpg', '.png'], str(cache))
        assert found == EXPECTED
    assert (tmp_path / 'precious').read_text() == 'precious'


@pytest.mark.parametrize('change', ['add', 'remove', 'rename', 'deep'])
def test_a_change_makes_the_cache_stale(folder, change):
    cache = cache_beside(str(folder))
    age(folder)
    before = list_images(str(folder), ['.jpg', '.png'], cache)
    if change == 'add':
        make(folder, 'new.jpg')
    elif change == 'remove':
        (folder / 'b' / '1.jpg').unlink()
    elif change == 'rename':
        (folder / 'b' / '1.jpg').rename(folder / 'b' / '9.jpg')
    else:
        make(folder, 'c/d/new.jpg')
    after = list_images(str(folder), ['.jpg', '.png'], cache)
    assert after != before
    assert after == list_images(str(folder), ['.jpg', '.png'])


def test_a_listing_of_a_fresh_folder_is_not_trusted(folder, monkeypatch):
    """A change within the clock's resolution would be missed."""
    cache = cache_beside(str(folder))
    list_images(str(folder), ['.jpg', '.png'], cache)
    looked = []
    scandir = os.scandir
    monkeypatch.setattr(
        os, 'scandir', lambda path: looked.append(path) or scandir(path)
    )
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    assert looked


def test_an_unwritable_cache_is_not_used(folder, tmp_path):
    cache = str(tmp_path / 'missing' / 'cache.json')
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_no_other_files_are_left(folder, tmp_path):
    cache = cache_beside(str(folder))
    list_images(str(folder), ['.jpg'], cache)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['.images.mixmae_listing.json', 'images']
