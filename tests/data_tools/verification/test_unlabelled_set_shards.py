"""Verification of shards."""

import os
import shutil

import pytest

from mixmae.data_tools.verification.unlabelled_set import (
    is_packed,
    verify_shards,
)
from mixmae.datasets import PackedImages
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from mixmae.datasets.images.image_file import ImageLimits
from mixmae.datasets.packed.sample_table import read_table
from tests.datasets.packed_pictures import pack_pictures, save_classes


@pytest.fixture
def packed(tmp_path):
    """Write four shards; one image was already corrupt before packing."""
    folder = save_classes(tmp_path / 'images')
    (folder / 'even' / '02.png').write_bytes(b'no image')
    pack_pictures(folder, tmp_path / 'packed')
    return tmp_path / 'packed'


BEFORE = CorruptFile('no image', 'shard-00000.tar/even/02.png')


def test_valid_shards(packed):
    told = []
    report = verify_shards(packed, progress=lambda *what: told.append(what))
    assert (report.opened, report.corrupt) == (20, [BEFORE])
    # Shards first, then images.
    count = len(read_table(packed / 'index.npz').shards)
    assert told[0] == (1, 20 + count, '0 corrupt')
    assert told[-1] == (20 + count, 20 + count, '1 corrupt')
    report = verify_shards(packed, checksums_only=True)
    assert (report.opened, report.corrupt) == (20, [])
    small = verify_shards(packed, ImageLimits(min_side=5)).causes()
    assert small == {'too small': 19, 'no image': 1}


@pytest.mark.parametrize('workers', [0, 2])
def test_damaged_shards(packed, workers, tmp_path):
    table = read_table(packed / 'index.npz')
    last = len(table.shards) - 1
    with (packed / 'shard-00000.tar').open('r+b') as file:
        file.seek(table.sample(2).offset)
        file.write(b'!')
    # Damage between images does not affect a run.
    with (packed / f'shard-0000{last}.tar').open('r+b') as file:
        file.seek(-1, 2)
        file.write(b'!')
    (packed / 'shard-00001.tar').unlink()
    expected = [
        CorruptFile('wrong checksum', 'shard-00000.tar'),
        CorruptFile('missing', 'shard-00001.tar'),
        CorruptFile('wrong checksum', f'shard-0000{last}.tar'),
        BEFORE,
        CorruptFile('wrong checksum', table.path(2)),
        *(
            CorruptFile('missing', table.path(index))
            for index in range(20)
            if table.sample(index).shard == 1
        ),
    ]
    report = verify_shards(packed, workers=workers)
    assert report.corrupt == expected
    # A data set that excludes the listed files loads.
    write_corrupt_files(tmp_path / 'bad.txt', report.corrupt)
    dataset = PackedImages(
        str(packed),
        pipeline=[dict(type='LoadImage')],
        exclude=str(tmp_path / 'bad.txt'),
        max_corrupt_ratio=0,
    )
    assert len(list(dataset)) == 20 - len(expected) + 3


def test_foreign_tars_have_no_checksums(packed):
    shutil.copytree(packed, packed.with_name('tars'))
    tars = packed.with_name('tars')
    (tars / 'index.npz').unlink()
    report = verify_shards(tars)
    assert (report.opened, report.corrupt) == (20, [BEFORE])
    os.truncate(tars / 'shard-00000.tar', 3000)
    assert verify_shards(tars).opened < 20


def test_paths_that_are_shards(packed, tmp_path):
    assert is_packed(packed) and is_packed(packed / 'shard-00000.tar')
    assert not is_packed(tmp_path / 'images')
    assert not is_packed(tmp_path / 'gone')
    tars = tmp_path / 'tars'
    tars.mkdir()
    (tars / 'train.tar').touch()
    assert is_packed(tars)
    # As ImageNet's folder, with its archives.
    (tars / 'train').mkdir()
    assert not is_packed(tars)


def test_invalid_arguments(packed):
    with pytest.raises(ValueError, match='workers must be'):
        verify_shards(packed, workers=-1)
