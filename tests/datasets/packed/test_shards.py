"""Tar shards: read image by image, and written for other programs."""

import os
import pickle
import tarfile

import pytest

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.packed import shards
from mixmae.datasets.packed.sample_table import Sample, SampleTable
from mixmae.datasets.packed.shards import (
    EncodedImage,
    ShardReader,
    write_shard,
)

LONG = 'folder/' * 40 + 'größe.jpg'
IMAGES = [
    EncodedImage('a/1.jpg', b'one', 3),
    EncodedImage(LONG, b'two' * 999, 0),
    EncodedImage('\udcff\n.png', b'', None),
]


@pytest.fixture
def table(tmp_path):
    """Return the index of three shards of two images."""
    tables = []
    for shard in range(3):
        images = [
            EncodedImage(f'n/{shard}{i}.jpg', bytes([shard, i]) * 500)
            for i in range(2)
        ]
        path = tmp_path / f'{shard}.tar'
        tables.append(write_shard(path, iter(images), 10**6)[0])
    return SampleTable.joined(tables)


def read_all(reader, table):
    return [reader.read(table.sample(i))[:2] for i in range(len(table))]


GOOD = [bytes([shard, i]) for shard in range(3) for i in range(2)]


def test_reads_in_any_order_with_few_open_files(table, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, 'OPEN_FILES', 2)
    reader = ShardReader(str(tmp_path), table.shards)
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(2):
        assert read_all(reader, table) == GOOD
    assert len(os.listdir('/proc/self/fd')) == before + 2
    reader.close()
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_pickled_copy_has_no_open_files(table, tmp_path):
    reader = ShardReader(str(tmp_path), table.shards)
    read_all(reader, table)
    again = pickle.loads(pickle.dumps(reader))
    assert not again._open and read_all(again, table) == GOOD


def test_a_forked_process_opens_its_own_files(table, tmp_path):
    reader = ShardReader(str(tmp_path), table.shards)
    read_all(reader, table)
    process = os.fork()
    if process == 0:
        good = read_all(reader, table) == GOOD
        os._exit(0 if good and reader._process == os.getpid() else 1)
    assert os.waitpid(process, 0)[1] == 0
    assert read_all(reader, table) == GOOD


def cause(reader, table, index):
    with pytest.raises(CorruptImageError) as error:
        reader.read(table.sample(index))
    assert str(error.value).startswith(
        f'cannot read image {reader.folder}/{table.path(index)}: '
    )
    return error.value.cause


def test_each_fault_has_its_cause(table, tmp_path):
    sample = table.sample(1)
    path = tmp_path / '0.tar'
    whole = bytearray(path.read_bytes())
    whole[sample.offset + 3] ^= 1
    path.write_bytes(whole)
    os.truncate(tmp_path / '1.tar', table.sample(3).offset + 100)
    (tmp_path / '2.tar').unlink()
    reader = ShardReader(str(tmp_path), table.shards)
    assert reader.read(table.sample(0))[:2] == GOOD[0]
    assert cause(reader, table, 1) == 'wrong checksum'
    assert reader.read(table.sample(2))[:2] == GOOD[2]
    assert cause(reader, table, 3) == 'truncated'
    assert cause(reader, table, 4) == 'missing'
    (tmp_path / '2.tar').mkdir()
    assert cause(reader, table, 5) == 'unreadable'
    careless = ShardReader(str(tmp_path), table.shards, verify_checksums=False)
    assert careless.read(sample)[:2] == GOOD[1]


@pytest.mark.parametrize('claim', [10**5, 2**40, 2**62])
def test_declared_sizes_allocate_no_memory(
    table, tmp_path, monkeypatch, claim
):
    pread = os.pread

    def asked(handle, size, offset):
        assert size <= os.fstat(handle).st_size
        return pread(handle, size, offset)

    monkeypatch.setattr(os, 'pread', asked)
    reader = ShardReader(str(tmp_path), table.shards)
    sample = table.sample(0)
    for change in (dict(size=claim), dict(offset=claim)):
        with pytest.raises(CorruptImageError) as error:
            reader.read(sample._replace(**change))
        assert error.value.cause == 'truncated'
        assert f'of {change.get("size", sample.size)} bytes' in str(
            error.value
        )


def test_a_shard_that_is_not_a_regular_file(table, tmp_path):
    (tmp_path / '0.tar').unlink()
    os.mkfifo(tmp_path / '0.tar')
    (tmp_path / '1.tar').unlink()
    (tmp_path / '1.tar').symlink_to('/dev/zero')
    reader = ShardReader(str(tmp_path), table.shards)
    assert cause(reader, table, 0) == 'unreadable'
    assert cause(reader, table, 2) == 'unreadable'


def test_an_image_without_bytes(tmp_path):
    path = tmp_path / 'x.tar'
    table, _ = write_shard(path, iter([EncodedImage('a.jpg', b'')]), 10**6)
    reader = ShardReader(str(tmp_path), table.shards)
    assert cause(reader, table, 0) == 'empty'


def test_a_lack_of_file_handles_is_no_fault_of_an_image(
    table, tmp_path, monkeypatch
):
    def no_more(*_):
        raise OSError(24, 'Too many open files')

    monkeypatch.setattr(os, 'open', no_more)
    with pytest.raises(OSError, match='Too many'):
        ShardReader(str(tmp_path), table.shards).read(table.sample(0))


def test_a_file_replaced_over_the_network_is_reopened(
    table, tmp_path, monkeypatch
):
    reader = ShardReader(str(tmp_path), table.shards)
    read_all(reader, table)
    pread, stale = os.pread, list(reader._open.values())

    def stale_once(handle, *place):
        if handle in stale:
            stale.remove(handle)
            raise OSError(116, 'Stale file handle')
        return pread(handle, *place)

    monkeypatch.setattr(os, 'pread', stale_once)
    assert read_all(reader, table) == GOOD and not stale


def test_a_stale_file_is_reopened(table, tmp_path, monkeypatch):
    reader = ShardReader(str(tmp_path), table.shards)
    real, failures = os.open, [1]

    def stale(*arguments):
        if failures:
            failures.pop()
            raise OSError(116, 'Stale file handle')
        return real(*arguments)

    monkeypatch.setattr(os, 'open', stale)
    assert read_all(reader, table) == GOOD
    reader.close()
    failures += [1, 1]
    assert cause(reader, table, 0) == 'unreadable'


def test_tar_reads_what_was_written(tmp_path):
    path = tmp_path / 'x.tar'
    table, rest = write_shard(path, iter(IMAGES), 10**6)
    assert rest is None and path.stat().st_size == table.shards[0].size
    with tarfile.open(path, 'r:', errors='surrogateescape') as file:
        content = [(m.name, file.extractfile(m).read()) for m in file]
        times = {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in file}
    assert content == [
        ('a/1.jpg', b'one'),
        ('a/1.cls', b'3'),
        (LONG, b'two' * 999),
        (LONG.replace('.jpg', '.cls'), b'0'),
        ('\udcff\n.png', b''),
    ]
    assert times == {(0, 0, 0, '', 0o644)}


def test_the_table_says_where_images_are(tmp_path):
    path = tmp_path / 'x.tar'
    table, _ = write_shard(path, iter(IMAGES), 10**6)
    reader = ShardReader(str(tmp_path), table.shards)
    for index in (1, 0):
        assert reader.read(table.sample(index)) == IMAGES[index].data
    sample = table.sample(2)
    assert sample._replace(offset=0) == Sample(
        0, '\udcff\n.png', 0, 0, 0, None
    )


def test_a_shard_ends_before_the_limit(tmp_path):
    images = [EncodedImage(f'{i}.jpg', bytes(1000), None) for i in range(9)]
    images.insert(4, EncodedImage('big.jpg', bytes(99_999)))
    feed = iter(images)
    table, rest = write_shard(tmp_path / 'x.tar', feed, 10240 + 4 * 1536)
    assert table.shards[0].size == 10240 + 4 * 1536
    assert rest is images[4]
    # An image larger than the limit has its own shard.
    table, rest = write_shard(tmp_path / 'y.tar', iter([rest, *feed]), 20480)
    assert len(table) == 1 and rest is images[5]
