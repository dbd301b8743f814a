"""Tar files written by other programs."""

import io
import os
import stat
import tarfile
from dataclasses import replace

import pytest

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.packed import tar_listing
from mixmae.datasets.packed.name_list import NameList
from mixmae.datasets.packed.sample_table import read_table
from mixmae.datasets.packed.shards import ShardReader
from mixmae.datasets.packed.tar_listing import list_tars
from tests.datasets.grey_pictures import save_pictures


@pytest.fixture
def pictures(tmp_path):
    return save_pictures(tmp_path / 'pictures')


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        tar_listing, 'print_log', lambda text, **_: lines.append(text)
    )
    return lines


def write_tar(path, files, mode='w', **options):
    """Write a tar file from names and bytes (or members)."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, mode, **options) as file:
        for name, data in files:
            member = tarfile.TarInfo(name)
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
                data = b''
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def age(*paths):
    """Set modification times some time back."""
    for path in paths:
        os.utime(path, (10**9, 10**9))


def test_a_tar_of_the_tar_program_with_folders(pictures, tmp_path):
    path = tmp_path / 'tars' / 'a.tar'
    path.parent.mkdir()
    with tarfile.open(path, 'w', format=tarfile.GNU_FORMAT) as file:
        file.add(pictures, './n01/' + 'long' * 30)
    table, _ = list_tars(str(path.parent))
    names = [f'n01/{"long" * 30}/{value:02d}.png' for value in range(20)]
    assert sorted(map(table.names.text, range(20))) == names
    whole = path.read_bytes()
    for index in range(20):
        sample = table.sample(index)
        data = whole[sample.offset : sample.offset + sample.size]
        assert data == (pictures / sample.name[-6:]).read_bytes()
        assert sample.crc32 is None and sample.label is None


def test_labels_of_webdataset(tmp_path):
    write_tar(
        tmp_path / 'tars' / '0.tar',
        [
            ('a/1.JPEG', b'x'),
            ('a/1.cls', b'7'),
            ('a/1.json', b'{}'),
            ('a/2.cls', b'0\n'),
            ('a/2.webp', b'x'),
        ],
    )
    write_tar(tmp_path / 'tars' / '1.tar', [('1.png', b'x')])
    table, _ = list_tars(str(tmp_path / 'tars'))
    samples = [table.sample(i) for i in range(3)]
    assert [sample.label for sample in samples] == [7, 0, None]
    assert [sample.shard for sample in samples] == [0, 0, 1]
    assert table.path(2) == '1.tar/1.png' and not table.labelled


def test_other_members_are_skipped(tmp_path):
    files = [
        ('a.txt', b'x'),
        ('.a.jpg', b'x'),
        ('.git/a.jpg', b'x'),
        ('link.jpg', 'a.txt'),
        ('./c.jpg', b'yes'),
    ]
    path = write_tar(tmp_path / 'x.tar', files)
    table, _ = list_tars(str(path))
    assert [table.path(i) for i in range(len(table))] == ['x.tar/c.jpg']


@pytest.mark.parametrize('name', ['../x.jpg', '/etc/x.jpg', 'a/../../x.txt'])
def test_names_outside_of_the_folder_are_refused(tmp_path, name):
    path = write_tar(tmp_path / 'x.tar', [('a.jpg', b'x'), (name, b'x')])
    with pytest.raises(ValueError, match=f'{path}: file name') as error:
        list_tars(str(path))
    assert '\n' not in str(error.value)


def test_the_table_is_rebuilt_after_changes_only(tmp_path, said):
    folder = tmp_path / 'tars'
    path = write_tar(folder / 'a.tar', [('a.jpg', b'x')])
    list_tars(str(folder))
    list_tars(str(folder))
    # A change within the clock's resolution would be missed.
    assert len(said) == 4
    age(path)
    cache = tmp_path / '.tars.mixmae_tars.npz'
    assert list_tars(str(folder))[1] == str(cache)
    said.clear()
    assert len(list_tars(str(folder))[0]) == 1 and not said
    age(write_tar(folder / 'b.tar', [('b.jpg', b'x')]))
    assert len(list_tars(str(folder))[0]) == 2 and said
    cache.write_bytes(b'no table')
    assert len(list_tars(str(folder))[0]) == 2


def forged(cache, **changes):
    table = read_table(cache)
    made = table.made | changes.pop('made', {})
    with open(cache, 'wb') as file:
        replace(table, made=made, **changes).save(file)


def test_a_table_of_another_user_is_rebuilt(tmp_path, monkeypatch):
    folder = tmp_path / 'tars'
    age(write_tar(folder / 'a.tar', [('a.jpg', b'x'), ('b.jpg', b'y')]))
    table, cache = list_tars(str(folder))
    columns = {**table.columns, 'offset': table.columns['offset'] + 512}
    changes = [
        dict(names=NameList.of([b'a.jpg', b'c.jpg'])),
        dict(columns=columns),
        dict(made=dict(started=2**62)),
        dict(made=dict(seal='0' * 64)),
        dict(made=dict(seal=None)),
        dict(made=dict(cut_off=3)),
    ]
    for change in changes:
        forged(cache, **change)
        again, _ = list_tars(str(folder))
        assert list(again.names) == [b'a.jpg', b'b.jpg']
        assert (again.columns['offset'] == table.columns['offset']).all()
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/no/folder')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'gone'))
    # Without a key there is no cache.
    assert list_tars(str(folder))[1] is None


def claim(path, member, size):
    """Change the size that a tar member declares."""
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as file:
        place = file.getmember(member).offset
    header = tarfile.TarInfo.frombuf(
        bytes(data[place : place + 512]), 'utf-8', 'surrogateescape'
    )
    header.size = size
    data[place : place + 512] = header.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(data)


@pytest.mark.parametrize('size', [2**40, 2**62, 2**80])
def test_impossible_sizes(tmp_path, size, said):
    path = write_tar(tmp_path / 'x.tar', [('a.jpg', b'x'), ('b.jpg', b'y')])
    claim(path, 'b.jpg', size)
    table, _ = list_tars(str(path))
    assert table.path(0) == 'x.tar/a.jpg'
    assert any('is truncated or damaged' in line for line in said)
    reader = ShardReader(str(tmp_path), table.shards)
    assert reader.read(table.sample(0)) == b'x'
    for index in range(1, len(table)):
        with pytest.raises(CorruptImageError, match='truncated'):
            reader.read(table.sample(index))


@pytest.mark.parametrize('kind', [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_declared_sizes_allocate_no_memory(tmp_path, kind, said):
    path = write_tar(tmp_path / 'x.tar', [('a.jpg', b'x')])
    header = tarfile.TarInfo('long')
    header.type, header.size = kind, 2**40
    data = path.read_bytes()
    path.write_bytes(data[:1024] + header.tobuf(tarfile.GNU_FORMAT))
    table, _ = list_tars(str(path))
    assert len(table) == 1
    assert any('is truncated or damaged' in line for line in said)


def test_negative_sizes(tmp_path, said):
    path = write_tar(tmp_path / 'x.tar', [('a.jpg', b'x'), ('b.jpg', b'y')])
    claim(path, 'b.jpg', -1024)
    assert len(list_tars(str(path))[0]) == 1


def test_tars_that_are_not_regular_files(tmp_path):
    folder = tmp_path / 'tars'
    age(write_tar(folder / 'a.tar', [('a.jpg', b'x')]))
    os.mkfifo(folder / 'b.tar')
    (folder / 'c.tar').symlink_to('/dev/zero')
    os.mkfifo(tmp_path / '.tars.mixmae_tars.npz')
    assert len(list_tars(str(folder))[0]) == 1
    with pytest.raises(ValueError, match='cannot be listed'):
        list_tars(str(folder / 'b.tar'))


def test_read_only_places(tmp_path, monkeypatch):
    folder = tmp_path / 'tars'
    age(write_tar(folder / 'a.tar', [('a.jpg', b'x')]))
    monkeypatch.setattr(tar_listing, '_beside', lambda _: '/proc/x/y.npz')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'gone'))
    table, place = list_tars(str(folder))
    assert len(table) == 1 and place is None
    (tmp_path / 'gone').mkdir()
    place = list_tars(str(folder))[1]
    home = tmp_path / 'gone' / f'mixmae-tar-index-{os.getuid()}'
    assert os.path.dirname(place) == str(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list_tars(str(folder))[1] == place
    # A folder that others may write to is not trusted.
    home.chmod(0o777)
    assert list_tars(str(folder))[1] is None


def test_a_truncated_tar(tmp_path, said):
    files = [(f'{i}.jpg', bytes([i]) * 600) for i in range(4)]
    path = write_tar(tmp_path / 'x.tar', files)
    whole = path.read_bytes()
    for end, found in {3 * 1536 + 700: 4, 3 * 1536 + 100: 3, 1536: 1}.items():
        path.write_bytes(whole[:end])
        said.clear()
        assert len(list_tars(str(path))[0]) == found
        assert any('is truncated or damaged' in line for line in said)
    damaged = bytearray(whole)
    damaged[2 * 1536 + 5] ^= 255
    path.write_bytes(damaged)
    age(path)
    for _ in range(2):
        # The warning is repeated when the cached table is used.
        said.clear()
        assert len(list_tars(str(path))[0]) == 2
        assert any('is truncated or damaged' in line for line in said)


def test_unusable_tar_paths(tmp_path):
    folder = tmp_path / 'tars'
    write_tar(folder / 'a.tar.gz', [('a.jpg', b'x')], 'w:gz')
    with pytest.raises(ValueError, match='is compressed'):
        list_tars(str(folder))
    (folder / 'a.tar.gz').rename(folder / 'a.tar')
    with pytest.raises(ValueError, match='is not an uncompres'):
        list_tars(str(folder))
    write_tar(folder / 'a.tar', [('a.txt', b'x')])
    with pytest.raises(ValueError, match='no images in the 1 tar files'):
        list_tars(str(folder))
    (folder / 'a.tar').unlink()
    with pytest.raises(ValueError, match='no shards in'):
        list_tars(str(folder))
    (folder / 'b.tar').symlink_to('gone')
    with pytest.raises(ValueError, match='No such file'):
        list_tars(str(folder))
