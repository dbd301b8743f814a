"""Checks of names that come from files."""

import os
import socket

import pytest

from mixmae.fileio.safe_path import (
    SpecialFileError,
    UnsafePathError,
    own_file,
    path_below,
    path_fault,
    regular_file,
)
from tests.contracts.hostile_names import HOSTILE, HOSTILE_TEXT

SAFE = [
    'a.jpg',
    'b/c d/ä 日本.jpg',
    'a..b.jpg',
    '.../x',
    '..a/x..',
    'a//b.jpg',
    './a.jpg',
    'half-past 7:30.jpg',
    '\udcff.jpg',
    '~root/a.jpg',
    'a\\b.jpg',
]


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_names_are_refused_in_one_line(name, tmp_path):
    fault = path_fault(name)
    assert fault is not None and fault.isprintable()
    with pytest.raises(UnsafePathError) as caught:
        path_below(tmp_path, name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.parametrize('name', SAFE)
def test_names_below_a_folder_are_joined(name, tmp_path):
    assert path_fault(name) is None
    found = path_below(tmp_path, name)
    assert found == f'{tmp_path}/{name}'
    assert os.path.normpath(found).startswith(f'{tmp_path}/')


@pytest.mark.parametrize('name', [None, 7, b'a.jpg', ['a.jpg']])
def test_other_types_are_refused(name, tmp_path):
    with pytest.raises(UnsafePathError, match='is not a string'):
        path_below(tmp_path, name)


def test_long_names_are_shortened():
    fault = path_fault('../' + 'x' * 10_000)
    assert fault is not None and len(fault) < 400


def test_absolute_names_below_the_folder_are_accepted(tmp_path, monkeypatch):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'link').symlink_to('real')
    monkeypatch.chdir(tmp_path)
    for root in ('real', 'link', str(tmp_path / 'link'), f'{tmp_path}/link/'):
        for above in {os.path.abspath(root), os.path.realpath(root)}:
            name = f'{above}/a/b.jpg'
            assert path_below(root, name) == name
    # Neither folders with the same prefix nor '..' after them.
    for name in ('real-other/a.jpg', 'real/../a.jpg', 'real//etc/passwd'):
        with pytest.raises(UnsafePathError):
            path_below('real', f'{tmp_path}/{name}')


def test_the_root_of_the_file_system_allows_any_file():
    assert path_below('/', '/etc/passwd') == '/etc/passwd'
    assert path_below('/', 'etc/passwd') == '/etc/passwd'
    with pytest.raises(UnsafePathError, match=r'by \.\.'):
        path_below('/', '/etc/../passwd')
    with pytest.raises(UnsafePathError, match="data_root='/' allows"):
        path_below('/srv/images', '/etc/passwd')


def test_links_in_the_folder_are_followed(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'pool').symlink_to(tmp_path)
    assert path_below(tmp_path / 'images', 'pool/a.jpg')


@pytest.mark.parametrize('name', HOSTILE_TEXT)
def test_hostile_lines_are_hostile_names(name):
    assert name in HOSTILE and '\n' not in name


OPENERS = [regular_file, own_file]


def attempt(path, mode, opener):
    with open(path, mode, opener=opener):
        pass


def special(folder, kind):
    path = folder / 'special'
    if kind == 'named pipe':
        os.mkfifo(path)
    elif kind == 'socket':
        # The name stays after closing.
        with socket.socket(socket.AF_UNIX) as server:
            server.bind('special')
    else:
        path.mkdir()
    return path


@pytest.mark.parametrize('opener', OPENERS)
@pytest.mark.parametrize('mode', ['rb', 'wb', 'ab', 'r+b'])
@pytest.mark.parametrize('kind', ['named pipe', 'socket', 'directory'])
def test_special_files_are_refused(tmp_path, monkeypatch, opener, mode, kind):
    monkeypatch.chdir(tmp_path)
    path = special(tmp_path, kind)
    with pytest.raises(SpecialFileError, match=f'it is a {kind}') as caught:
        attempt(path, mode, opener)
    assert caught.value.filename == str(path)


@pytest.mark.parametrize('opener', OPENERS)
def test_devices_are_refused_and_files_are_opened(tmp_path, opener):
    with pytest.raises(SpecialFileError, match='it is a device'):
        attempt('/dev/zero', 'rb', opener)
    with pytest.raises(FileNotFoundError):
        attempt(tmp_path / 'file', 'rb', opener)
    with open(tmp_path / 'file', 'w', opener=opener) as file:
        file.write('text')
    with open(tmp_path / 'file', opener=opener) as file:
        assert file.read() == 'text'
        assert not os.get_inheritable(file.fileno())


def test_links_are_followed_to_read_and_not_to_write(tmp_path):
    (tmp_path / 'file').write_text('precious')
    (tmp_path / 'link').symlink_to('file')
    (tmp_path / 'zero').symlink_to('/dev/zero')
    (tmp_path / 'circle').symlink_to('circle')
    (tmp_path / 'new').symlink_to('made')
    with open(tmp_path / 'link', opener=regular_file) as file:
        assert file.read() == 'precious'
    with pytest.raises(SpecialFileError):
        attempt(tmp_path / 'zero', 'rb', regular_file)
    with pytest.raises(OSError, match='Too many levels'):
        attempt(tmp_path / 'circle', 'rb', regular_file)
    for name in ('link', 'zero', 'circle', 'new'):
        for mode in ('wb', 'ab', 'rb'):
            with pytest.raises(SpecialFileError, match='symbolic link'):
                attempt(tmp_path / name, mode, own_file)
    assert (tmp_path / 'file').read_text() == 'precious'
    assert not (tmp_path / 'made').exists()


def test_replaced_files_are_detected(tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    about = os.stat(tmp_path / 'file')
    os.mkfifo(tmp_path / 'pipe')
    monkeypatch.setattr(os, 'stat', lambda path: about)
    with pytest.raises(SpecialFileError, match='named pipe'):
        attempt(tmp_path / 'pipe', 'rb', regular_file)
