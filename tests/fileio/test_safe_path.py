"""The gate for names that come out of files."""

import os

import pytest

from mixmae.fileio.safe_path import UnsafePathError, path_below, path_fault
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
def test_what_is_no_text_is_refused(name, tmp_path):
    with pytest.raises(UnsafePathError, match='is no text'):
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
    # No folder whose name only begins alike, and no way out behind it.
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


def test_links_in_the_folder_are_its_owners(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'pool').symlink_to(tmp_path)
    assert path_below(tmp_path / 'images', 'pool/a.jpg')


@pytest.mark.parametrize('name', HOSTILE_TEXT)
def test_hostile_lines_are_hostile_names(name):
    assert name in HOSTILE and '\n' not in name
