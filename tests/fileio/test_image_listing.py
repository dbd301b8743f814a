"""Listing of a folder and its cache."""

import errno
import os
import socket

import pytest

from mixmae.fileio.image_listing import (
    cache_beside,
    check_folder,
    list_folder,
)
from tests.fileio.listed_folder import EXPECTED, age, list_images, make


def test_sorted_without_hidden_and_foreign_files(folder):
    assert list_images(str(folder), ['.jpg', '.png']) == EXPECTED


def test_symbolic_links_are_followed_without_cycles(folder, tmp_path):
    make(tmp_path / 'elsewhere', 'z.jpg')
    (folder / 'link').symlink_to(tmp_path / 'elsewhere')
    (folder / 'file.jpg').symlink_to(tmp_path / 'elsewhere' / 'z.jpg')
    (folder / 'b' / 'up').symlink_to(folder)
    found = list_images(str(folder), ['.jpg', '.png'])
    assert found == sorted([*EXPECTED, 'file.jpg', 'link/z.jpg'])


def test_names_of_any_characters(tmp_path):
    folder = tmp_path / 'my images'
    names = ['line\nbreak.jpg', 'raw \udcff.jpg', 'ä 日本\u2028.jpg']
    make(folder, *names)
    cache = cache_beside(str(folder))
    age(folder)
    assert list_images(str(folder), ['.jpg'], cache) == names
    # Once more, from the cache.
    assert list_images(str(folder), ['.jpg'], cache) == names


def test_link_cycles_and_broken_links(folder):
    (folder / 'self').symlink_to('self')
    (folder / 'self.jpg').symlink_to('self.jpg')
    (folder / 'gone.jpg').symlink_to('nowhere.jpg')
    (folder / 'b' / 'over').symlink_to('../c')
    (folder / 'c' / 'back').symlink_to('../b')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    # Broken links are reported when they are opened.
    assert listing.files == sorted([*EXPECTED, 'self.jpg', 'gone.jpg'])
    assert listing.repeated == {'b/over': 'c', 'c/back': 'b'}
    assert listing.notes()[0].startswith(
        '3 files have two paths and are listed once (b/over also links to c)'
    )


def test_a_folder_that_two_links_lead_to_is_listed_once(folder, tmp_path):
    make(tmp_path / 'pool', 'p/x.jpg', 'y.jpg')
    for name in ('one', 'two'):
        (folder / name).symlink_to(tmp_path / 'pool')
    (folder / 'three').symlink_to(tmp_path / 'pool' / 'p')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == sorted([*EXPECTED, 'one/p/x.jpg', 'one/y.jpg'])
    assert '2 files have two paths' in listing.notes()[0]


def test_of_two_paths_the_one_without_links_is_kept(folder):
    (folder / 'a').symlink_to('b')
    assert list_images(str(folder), ['.jpg', '.png']) == EXPECTED


def test_a_link_to_a_parent_folder(folder):
    make(folder.parent, 'beside/z.jpg')
    (folder / 'up').symlink_to('..')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == sorted([*EXPECTED, 'up/beside/z.jpg'])
    assert listing.repeated == {'up/images': ''}


def test_special_files_are_counted(folder, monkeypatch):
    """Opening one could block or never end."""
    os.mkfifo(folder / 'pipe.jpg')
    os.mkfifo(folder / 'b' / 'pipe')
    (folder / 'zero.jpg').symlink_to('/dev/zero')
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('socket.jpg')
        listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == EXPECTED
    assert listing.special == {'named pipe': 2, 'device': 1, 'socket': 1}
    note = next(note for note in listing.notes() if 'not regular' in note)
    assert '2 named pipe' in note and '1 device' in note


def test_other_suffixes_are_counted(folder):
    make(folder, *(f'b/{i}.HEIC' for i in range(120)), 'c/x.heic', 'README')
    listing = list_folder(str(folder), ['.jpg', '.png'])
    assert listing.files == EXPECTED
    (note,) = listing.notes()
    assert note.startswith('skipped by suffix: 121 .heic (pip install ')
    assert '1 .txt' in note and '1 without a suffix' in note
    make(folder, *(f'd/1.s{i:02d}' for i in range(40)))
    (note,) = list_folder(str(folder), ['.jpg']).notes()
    assert note.endswith('more suffixes') and len(note) < 300


@pytest.fixture
def locked(folder, monkeypatch):
    """Make ``folder/b`` unreadable; permissions do not stop root."""
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('/b'):
            raise PermissionError(13, 'Permission denied', path)
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    return folder


def test_a_folder_that_cannot_be_listed_is_named(locked):
    with pytest.raises(ValueError, match='images/b cannot be .* denied'):
        list_images(str(locked), ['.jpg', '.png'])


def test_incomplete_listings_are_reported_and_not_cached(locked):
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


def test_an_unlisted_folder_is_an_error_with_its_reason(locked):
    check_folder(locked)
    for place, reason in (('b', 'denied'), ('gone', 'No such'), ('a.png', '')):
        with pytest.raises(ValueError, match=f'{place} cannot.*{reason}'):
            check_folder(locked / place)
