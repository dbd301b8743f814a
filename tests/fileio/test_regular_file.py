"""Regular files are opened, and nothing else."""

import os
import socket

import pytest

from mixmae.fileio.regular_file import (
    SpecialFileError,
    own_file,
    regular_file,
)

OPENERS = [regular_file, own_file]


def attempt(path, mode, opener):
    with open(path, mode, opener=opener):
        pass


def special(folder, kind):
    path = folder / 'special'
    if kind == 'named pipe':
        os.mkfifo(path)
    elif kind == 'socket':
        # Its name stays when it is closed.
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


def test_what_takes_the_place_of_a_file_is_noticed(tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    about = os.stat(tmp_path / 'file')
    os.mkfifo(tmp_path / 'pipe')
    monkeypatch.setattr(os, 'stat', lambda path: about)
    with pytest.raises(SpecialFileError, match='named pipe'):
        attempt(tmp_path / 'pipe', 'rb', regular_file)
