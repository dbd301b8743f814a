"""Lists of paths, and paths that they must not contain."""

import os

import pytest

from mixmae.fileio.path_list import read_labelled_list, read_path_list


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    (folder / 'a.jpg').touch()
    return folder


def test_paths_below_the_folder(folder, tmp_path):
    listing = tmp_path / 'list.txt'
    names = [
        b'a.jpg',
        b'# no',
        b'',
        b' b c/\xc3\xa4.jpg\t',
        b'\xff.jpg',
        b'd\xe2\x80\xa8e.jpg',
        os.fsencode(folder) + b'/f.jpg',
    ]
    listing.write_bytes(b'\xef\xbb\xbf' + b'\r\n'.join(names))
    root = str(folder)
    assert read_path_list(str(listing), root) == [
        f'{root}/{name}'
        for name in (
            'a.jpg',
            'b c/ä.jpg',
            '\udcff.jpg',
            'd\u2028e.jpg',
            'f.jpg',
        )
    ]


@pytest.mark.parametrize(
    'name, words',
    [
        ('../secret.jpg', r'leads out of the folder of images by \.\.'),
        ('a/../../secret.jpg', r'leads out'),
        ('/etc/passwd', 'absolute'),
        ('{root}/../secret.jpg', 'leads out'),
        ('{root}-other/a.jpg', 'absolute'),
        ('{root}//etc/passwd', 'absolute'),
        ('a\\..\\b.jpg', 'leads out'),
        ('a\0.jpg', 'zero byte'),
    ],
)
def test_paths_elsewhere_are_refused(folder, tmp_path, name, words):
    listing = tmp_path / 'list.txt'
    text = f'a.jpg\n\n{name.format(root=folder)}\n'
    listing.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        read_path_list(str(listing), str(folder))
    assert f'{listing}, line 3: ' in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_without_a_folder_paths_are_relative_to_the_list(folder, tmp_path):
    listing = folder / 'list.txt'
    listing.write_text(f'a.jpg\n{folder}/a.jpg\n')
    found = read_path_list(str(listing), None)
    assert [os.path.samefile(p, folder / 'a.jpg') for p in found] == [True] * 2
    for line in ('../images/a.jpg', f'{tmp_path}/b.jpg'):
        listing.write_text(line)
        with pytest.raises(ValueError, match='line 1: file name'):
            read_path_list(str(listing), None)


def test_any_file_where_the_root_is_that_of_the_file_system(folder, tmp_path):
    listing = tmp_path / 'list.txt'
    listing.write_text(f'{folder}/a.jpg\n{str(folder)[1:]}/a.jpg\n')
    assert read_path_list(str(listing), '/') == [f'{folder}/a.jpg'] * 2


@pytest.mark.parametrize('read', [read_path_list, read_labelled_list])
def test_a_list_that_is_no_regular_file(folder, tmp_path, read):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='pipe cannot be read: it is a named'):
        read(str(tmp_path / 'pipe'), str(folder))
    with pytest.raises(ValueError, match='it is a device'):
        read('/dev/zero', str(folder))
    with pytest.raises(FileNotFoundError, match='gone.txt does not exist'):
        read(str(tmp_path / 'gone.txt'), str(folder))


def test_relative_folders(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'list.txt').write_text(f'a.jpg\n{folder}/a.jpg\n')
    found = read_path_list('list.txt', 'images')
    assert found == ['images/a.jpg', f'{folder}/a.jpg']
