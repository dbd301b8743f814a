"""The listing of a folder and its cache."""

import errno
import json
import os
import socket

import pytest

from mixmae.fileio import listing_cache
from mixmae.fileio.image_listing import (
    cache_beside,
    check_folder,
    list_folder,
    list_images,
)
from tests.contracts.hostile_names import HOSTILE


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def age(folder, seconds=100):
    """Makes folders look untouched for a while, so that a cache is trusted."""
    for place, _, _ in os.walk(folder):
        stamp = os.stat(place).st_mtime - seconds
        os.utime(place, (stamp, stamp))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'images'
    make(folder, 'b/2.JPG', 'b/1.jpg', 'a.png', 'c/d/e.jpg', 'note.txt')
    make(folder, '.hidden.jpg', '.git/x.jpg')
    return folder


EXPECTED = ['a.png', 'b/1.jpg', 'b/2.JPG', 'c/d/e.jpg']


def test_sorted_without_hidden_and_foreign_files(folder):
    assert list_images(str(folder), ['.jpg', '.png']) == EXPECTED


def test_symbolic_links_are_followed_but_not_in_circles(folder, tmp_path):
    make(tmp_path / 'elsewhere', 'z.jpg')
    (folder / 'link').symlink_to(tmp_path / 'elsewhere')
    (folder / 'file.jpg').symlink_to(tmp_path / 'elsewhere' / 'z.jpg')
    (folder / 'b' / 'up').symlink_to(folder)
    found = list_images(str(folder), ['.jpg', '.png'])
    assert found == sorted([*EXPECTED, 'file.jpg', 'link/z.jpg'])


def test_a_cache_saves_the_walk(folder, monkeypatch):
    cache = cache_beside(str(folder))
    age(folder)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    notes = list_folder(str(folder), ['.jpg', '.png'], cache).notes()
    assert notes == ['left out by suffix: 1 .txt']

    def refuse(path):
        raise AssertionError(f'{path} is looked into')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'scandir', refuse)
        known = list_folder(str(folder), ['.jpg', '.png'], cache)
    assert known.files == EXPECTED and known.notes() == notes
    # Another choice of suffixes, and another folder, do not fit the cache.
    assert list_images(str(folder), ['.png'], cache) == ['a.png']
    below = list_images(str(folder / 'b'), ['.jpg', '.png'], cache)
    assert below == ['1.jpg', '2.JPG']


def forge(cache, change):
    with open(cache) as file:
        content = json.load(file)
    change(content)
    with open(cache, 'w') as file:
        json.dump(content, file)


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
def test_a_forged_cache_is_made_anew(folder, kind):
    cache = cache_beside(str(folder))
    age(folder)
    list_images(str(folder), ['.jpg', '.png'], cache)
    forge(cache, FORGERIES[kind])
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_a_cache_of_another_user_is_made_anew(folder, monkeypatch, tmp_path):
    cache = cache_beside(str(folder))
    age(folder)
    list_images(str(folder), ['.jpg', '.png'], cache)
    with open(cache) as file:
        theirs = file.read()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'mine'))
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    with open(cache) as file:
        assert json.load(file)['seal'] not in theirs


def test_names_of_a_sealed_cache_pass_the_gate(folder, monkeypatch):
    """Whatever has written it."""
    cache = cache_beside(str(folder))
    age(folder)
    monkeypatch.setattr(
        listing_cache, 'is_sealed', lambda content, checksum: True
    )
    for name in HOSTILE:
        list_images(str(folder), ['.jpg', '.png'], cache)
        forge(cache, lambda content, name=name: content['files'].append(name))
        assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_a_folder_of_others_has_its_cache_at_home(folder, monkeypatch):
    monkeypatch.setattr(os, 'access', lambda *_: False)
    cache = cache_beside(str(folder))
    assert not cache.startswith(str(folder.parent))
    age(folder)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    assert os.path.isfile(cache)
    assert cache != cache_beside(str(folder / 'b'))


@pytest.mark.parametrize('kind', ['pipe', 'device', 'folder', 'link'])
def test_a_cache_that_is_no_file(folder, tmp_path, kind):
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
    """A change within the clock's step would go unseen."""
    cache = cache_beside(str(folder))
    list_images(str(folder), ['.jpg', '.png'], cache)
    looked = []
    scandir = os.scandir
    monkeypatch.setattr(
        os, 'scandir', lambda path: looked.append(path) or scandir(path)
    )
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    assert looked


@pytest.mark.parametrize('content', ['', '[]', '{"format": 1}', '{'])
def test_an_unreadable_cache_is_made_anew(folder, content):
    cache = cache_beside(str(folder))
    with open(cache, 'w') as file:
        file.write(content)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_a_cache_that_cannot_be_written_is_done_without(folder, tmp_path):
    cache = str(tmp_path / 'missing' / 'cache.json')
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


def test_nothing_is_left_beside_the_cache(folder, tmp_path):
    cache = cache_beside(str(folder))
    list_images(str(folder), ['.jpg'], cache)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['.images.mixmae_listing.json', 'images']


def test_names_of_any_characters(tmp_path):
    folder = tmp_path / 'my images'
    names = ['line\nbreak.jpg', 'raw \udcff.jpg', 'ä 日本\u2028.jpg']
    make(folder, *names)
    cache = cache_beside(str(folder))
    age(folder)
    assert list_images(str(folder), ['.jpg'], cache) == names
    # Once more, from the cache.
    assert list_images(str(folder), ['.jpg'], cache) == names


def test_links_in_circles_and_into_nothing(folder):
    (folder / 'self').symlink_to('self')
    (folder / 'self.jpg').symlink_to('self.jpg')
    (folder / 'gone.jpg').symlink_to('nowhere.jpg')
    (folder / 'b' / 'over').symlink_to('../c')
    (folder / 'c' / 'back').symlink_to('../b')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    # Whoever opens the links says what is wrong with them.
    assert listing.files == sorted([*EXPECTED, 'self.jpg', 'gone.jpg'])
    assert listing.repeated == {'b/over': 'c', 'c/back': 'b'}
    assert listing.notes()[0].startswith(
        '3 files are reached by two paths; kept once (b/over leads to c, too)'
    )


def test_a_folder_that_two_links_lead_to_is_listed_once(folder, tmp_path):
    make(tmp_path / 'pool', 'p/x.jpg', 'y.jpg')
    for name in ('one', 'two'):
        (folder / name).symlink_to(tmp_path / 'pool')
    (folder / 'three').symlink_to(tmp_path / 'pool' / 'p')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == sorted([*EXPECTED, 'one/p/x.jpg', 'one/y.jpg'])
    assert '2 files are reached by two paths' in listing.notes()[0]


def test_of_two_paths_the_one_without_links_is_kept(folder):
    (folder / 'a').symlink_to('b')
    assert list_images(str(folder), ['.jpg', '.png']) == EXPECTED


def test_a_link_that_leads_above_the_folder(folder):
    make(folder.parent, 'beside/z.jpg')
    (folder / 'up').symlink_to('..')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == sorted([*EXPECTED, 'up/beside/z.jpg'])
    assert listing.repeated == {'up/images': ''}


def test_what_is_no_regular_file_is_counted(folder, monkeypatch):
    """To open one would wait, or never end."""
    os.mkfifo(folder / 'pipe.jpg')
    os.mkfifo(folder / 'b' / 'pipe')
    (folder / 'zero.jpg').symlink_to('/dev/zero')
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('socket.jpg')
        listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == EXPECTED
    assert listing.special == {'named pipe': 2, 'device': 1, 'socket': 1}
    note = next(note for note in listing.notes() if 'no regular' in note)
    assert '2 named pipe' in note and '1 device' in note


def test_other_suffixes_are_counted(folder):
    make(folder, *(f'b/{i}.HEIC' for i in range(120)), 'c/x.heic', 'README')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == EXPECTED
    (note,) = listing.notes()
    assert note.startswith('left out by suffix: 121 .heic, 1 ')
    assert '1 .txt' in note and '1 without a suffix' in note
    make(folder, *(f'd/1.s{i:02d}' for i in range(40)))
    (note,) = list_folder(str(folder), ['.jpg']).notes()
    assert note.endswith('more suffixes') and len(note) < 300


@pytest.fixture
def locked(folder, monkeypatch):
    """``folder/b`` cannot be looked into; permissions do not stop root."""
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('/b'):
            raise PermissionError(13, 'Permission denied', path)
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    return folder


def test_a_folder_that_cannot_be_looked_into_is_named(locked):
    with pytest.raises(ValueError, match='images/b cannot be .* denied'):
        list_images(str(locked), ['.jpg', '.png'])


def test_a_list_with_gaps_is_noted_and_not_kept(locked):
    cache = cache_beside(str(locked))
    age(locked)
    refused = {}
    found = list_images(str(locked), ['.jpg', '.png'], cache, refused)
    assert found == ['a.png', 'c/d/e.jpg']
    assert refused == {'b': 'Permission denied'}
    assert not os.path.exists(cache)


def test_too_few_handles_are_an_error_in_any_case(folder, monkeypatch):
    def refuse(path):
        raise OSError(errno.EMFILE, 'Too many open files', path)

    monkeypatch.setattr(os, 'scandir', refuse)
    for unreadable in (None, {}):
        with pytest.raises(ValueError, match='Too many open files') as error:
            list_images(str(folder), ['.jpg'], None, unreadable)
        assert f'the folder {folder} cannot' in str(error.value)
        assert '\n' not in str(error.value)


def test_a_folder_that_cannot_be_listed_is_named(locked):
    check_folder(locked)
    for place, reason in (('b', 'denied'), ('gone', 'No such'), ('a.png', '')):
        with pytest.raises(ValueError, match=f'{place} cannot.*{reason}'):
            check_folder(locked / place)
