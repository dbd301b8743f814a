"""Shards, read by other programs."""

import tarfile

from mixmae.datasets.packed.sample_table import Sample
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
