"""The listing of a folder and its cache."""

import json
import os

import pytest

from mixmae.datasets.image_listing import cache_beside, list_images


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


def test_cache_is_used_and_noticed_when_stale(folder):
    cache = cache_beside(str(folder))
    age(folder)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED
    with open(cache) as file:
        content = json.load(file)
    content['files'] = ['from the cache']
    with open(cache, 'w') as file:
        json.dump(content, file)
    again = list_images(str(folder), ['.jpg', '.png'], cache)
    assert again == ['from the cache']
    # Another choice of suffixes, and another folder, do not fit the cache.
    assert list_images(str(folder), ['.png'], None) == ['a.png']
    assert list_images(str(folder / 'b'), ['.jpg', '.png'], cache) != again


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


def test_a_listing_of_a_fresh_folder_is_not_trusted(folder):
    """A change within the clock's step would go unseen."""
    cache = cache_beside(str(folder))
    list_images(str(folder), ['.jpg', '.png'], cache)
    with open(cache) as file:
        content = json.load(file)
    content['files'] = ['from the cache']
    with open(cache, 'w') as file:
        json.dump(content, file)
    assert list_images(str(folder), ['.jpg', '.png'], cache) == EXPECTED


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
    found = list_images(str(folder), ['.jpg', '.png'])
    # Whoever opens the links says what ails them.
    assert {'self.jpg', 'gone.jpg', 'b/over/d/e.jpg'} <= set(found)
    assert max(name.count('/') for name in found) <= 4


def test_pipes_are_not_listed(folder):
    """To open one would wait forever."""
    os.mkfifo(folder / 'pipe.jpg')
    assert list_images(str(folder), ['.jpg', '.png']) == EXPECTED


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
