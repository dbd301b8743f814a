"""Cache folders that only their user can write to."""

import os
import stat

import pytest

from mixmae.fileio import listing_cache as module
from mixmae.fileio.listing_cache import (
    cache_folder,
    is_sealed,
    private_folder,
    seal,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'gone'))
    return tmp_path / 'cache' / 'mixmae'


def test_sealed_content_was_written_by_this_user(home):
    checksum = seal(b'content')
    assert is_sealed(b'content', checksum)
    assert not is_sealed(b'contenT', checksum)
    for other in (None, 3, '', 'é', '0' * 64):
        assert not is_sealed(b'content', other)
    key = home / module.KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert os.listdir(home) == [module.KEY]
    key.unlink()
    assert not is_sealed(b'content', checksum)


@pytest.mark.parametrize('spoil', ['short', 'readable', 'link', 'pipe'])
def test_keys_that_others_may_have_written_are_refused(home, tmp_path, spoil):
    seal(b'content')
    key = home / module.KEY
    if spoil == 'short':
        key.write_bytes(b'short')
    elif spoil == 'readable':
        key.chmod(0o644)
    elif spoil == 'link':
        key.rename(tmp_path / 'key')
        key.symlink_to(tmp_path / 'key')
    else:
        key.unlink()
        os.mkfifo(key, 0o600)
    assert seal(b'content') is None and not is_sealed(b'content', None)


def test_folders_that_others_may_write_to_are_refused(tmp_path):
    assert private_folder(tmp_path / 'a' / 'b') == tmp_path / 'a' / 'b'
    (tmp_path / 'open').mkdir()
    (tmp_path / 'open').chmod(0o777)
    assert private_folder(tmp_path / 'open') is None
    (tmp_path / 'link').symlink_to('a')
    assert private_folder(tmp_path / 'link') is None
    (tmp_path / 'file').touch()
    assert private_folder(tmp_path / 'file') is None


def test_without_a_home_temporary_files_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/no/folder')
    assert cache_folder() is None and seal(b'content') is None
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    assert cache_folder() == tmp_path / f'mixmae-{os.getuid()}'
    assert is_sealed(b'content', seal(b'content'))
