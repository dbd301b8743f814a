"""Index of shards."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mixmae.datasets.packed.sample_table import (
    COLUMNS,
    Sample,
    SampleTable,
    Shard,
    read_table,
)

SHARDS = [Shard('a.tar', 4096, 'ab' * 32), Shard('b/c.tar', 99, '', 7)]
SAMPLES = [
    Sample(0, 'x/1.jpg', 512, 10, 2**32 - 1, 1),
    Sample(1, '\udcff.jpg', 2**40, 0, None, None),
    Sample(1, 'x/1.jpg', 1024, 5, 0, 0),
]


@pytest.fixture
def table():
    return replace(
        SampleTable.of(SHARDS, SAMPLES),
        classes=('cat', 'dog'),
        made=dict(short_side=8),
    )


@pytest.fixture
def path(table, tmp_path):
    path = tmp_path / 'index.npz'
    with path.open('wb') as file:
        table.save(file)
    return path


def test_round_trip(path):
    table = read_table(path)
    assert table.shards == tuple(SHARDS)
    assert [table.sample(i) for i in range(3)] == SAMPLES
    assert table.classes == ('cat', 'dog') and table.made == {'short_side': 8}
    assert table.path(2) == 'b/c.tar/x/1.jpg' and not table.labelled


def test_the_same_table_is_the_same_bytes(table, path):
    file = io.BytesIO()
    table.save(file)
    assert file.getvalue() == path.read_bytes()


def test_joined_tables_count_their_shards_on(table):
    both = SampleTable.joined([table, table])
    assert [sample.shard for sample in map(both.sample, range(6))] == [
        *(0, 1, 1),
        *(2, 3, 3),
    ]
    assert both.path(3) == 'a.tar/x/1.jpg'


def shard(**changes):
    return dict(name='a', size=9, sha256='', modified=0) | changes


def test_counts_beyond_the_file_size_are_refused(path):
    arrays = dict(np.load(path))
    file = io.BytesIO()
    header = dict(shape=(2**40,), descr='<i8', fortran_order=False)
    np.lib.format.write_array_header_1_0(file, header)
    with zipfile.ZipFile(path, 'w') as archive:
        for key, array in arrays.items():
            with archive.open(f'{key}.npy', 'w') as member:
                if key == 'size':
                    member.write(file.getvalue() + bytes(24))
                else:
                    np.lib.format.write_array(member, array)
    with pytest.raises(ValueError, match=r'size.npy claims .*contains 24'):
        read_table(path)


def rewrite(path, **changes):
    with np.load(path) as content:
        arrays = dict(content)
    about = json.loads(arrays['about'].tobytes())
    about.update(changes.pop('about', {}))
    arrays['about'] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **(arrays | changes))


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(offset=np.array([0, -1, 0])), 'offset is negative'),
        (dict(size=np.array([0, 1])), '2 values for 3 samples'),
        (dict(size=np.array([0.0, 1, 2])), 'size is of type float64'),
        (dict(shard=np.array([0, 2, 0], np.int32)), 'unlisted shard'),
        (dict(label=np.array([0, 2, 0])), 'must be below 2'),
        (dict(name_ends=np.array([7, 3, 19])), 'do not match'),
        (dict(crc32=np.array([{}, 1, 2])), 'allow_pickle'),
        (dict(about=dict(format=2)), 'reads format 1'),
        (dict(about=dict(shards=[['../a.tar', 1]])), 'must be a mapping'),
        (dict(about=dict(shards=[dict(name='/a', size=1)] * 2)), 'absolute'),
        (
            dict(about=dict(shards=[dict(name='a', size='1')] * 2)),
            'invalid size or checksum',
        ),
        (dict(about=dict(classes=3)), 'TypeError'),
        (dict(size=np.array([2**40, 0, 0])), '1,099,511,627,776 bytes from'),
        (dict(offset=np.array([2**40, 0, 0])), 'its shard has 4,096'),
        (dict(offset=np.array([4090, 0, 0])), '10 bytes from byte 4,090'),
        (
            dict(offset=np.full(3, 2**63 - 1), size=np.full(3, 2**63 - 1)),
            'sample 0 claims',
        ),
        (
            dict(about=dict(shards=[shard(size=-1)] * 2)),
            'invalid size or checksum',
        ),
        (
            dict(about=dict(shards=[shard(size=True)] * 2)),
            'invalid size or checksum',
        ),
        (
            dict(about=dict(shards=[shard(modified='x')] * 2)),
            'invalid size or checksum',
        ),
        (
            # Differences of these become positive by overflow.
            dict(name_ends=np.array([2**63 - 1, -(2**63), 17])),
            'do not match',
        ),
    ],
)
def test_inconsistent_tables_are_refused(path, changes, words):
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=words) as error:
        read_table(path)
    assert str(error.value).startswith(
        f'{path} is not a valid index of shards'
    )
    assert '\n' not in str(error.value)


def test_names_outside_of_the_folder_are_refused(path):
    names = np.frombuffer(b'../.jpg5678901234', np.uint8)[:16]
    rewrite(path, names=names, name_ends=np.array([7, 10, 16]))
    with pytest.raises(ValueError, match='leads out'):
        read_table(path)


def test_damaged_files_are_refused(path):
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match='not a valid index of shards'):
            read_table(path)
    # Checksums of the archive detect a flipped bit in any column.
    with np.load(io.BytesIO(whole)) as arrays:
        for key in COLUMNS:
            place = whole.find(arrays[key].tobytes())
            flipped = bytearray(whole)
            flipped[place] ^= 1
            path.write_bytes(flipped)
            with pytest.raises(ValueError, match='BadZipFile'):
                read_table(path)
    with pytest.raises(FileNotFoundError):
        read_table(path.with_name('gone'))
