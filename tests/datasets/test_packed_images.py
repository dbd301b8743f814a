"""PackedImages: same samples as a folder, from tar files."""

import copy
import io
import os
import pickle
import random
import tarfile

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from torch.utils.data import DataLoader

from mixmae.datasets import (
    PackedImages,
    TooManyCorruptFilesError,
    UnlabeledImageFolder,
    packed_images,
)
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.packed.sample_table import read_table
from mixmae.datasets.samplers.resumable_samplers import SampleIndex
from mixmae.registry import DATASETS
from tests.datasets.grey_pictures import save_pictures
from tests.datasets.packed_pictures import (
    pack_pictures,
    save_classes,
)

LOAD = [dict(type='LoadImage')]
# Of class folders: even ones come first.
VALUES = [*range(0, 20, 2), *range(1, 20, 2)]


@pytest.fixture
def folder(tmp_path):
    return save_classes(tmp_path / 'images')


@pytest.fixture
def packed(folder, tmp_path):
    pack_pictures(folder, tmp_path / 'packed')
    return tmp_path / 'packed'


def build(packed, **settings):
    return PackedImages(str(packed), pipeline=LOAD, **settings)


def value(sample):
    return int(sample['img'][0, 0, 0])


def test_samples_equal_those_of_the_folder(folder, packed):
    dataset = DATASETS.build(
        dict(type='PackedImages', data_root=str(packed), pipeline=LOAD)
    )
    plain = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert len(dataset) == len(plain) == 20
    for index in (*range(20), -1):
        one, two = dataset[index], plain[index]
        assert one.keys() == two.keys()
        assert np.array_equal(one['img'], two['img'])
        assert one['sample_idx'] == two['sample_idx']
    assert one['img_path'] == f'{packed}/shard-00003.tar/odd/19.png'
    with pytest.raises(IndexError, match='out of range for 20 images'):
        dataset[20]


def test_labels_are_returned_on_request(packed):
    dataset = build(packed, with_label=True)
    assert [value(sample) for sample in dataset] == VALUES
    assert [sample['gt_label'] for sample in dataset] == [0] * 10 + [1] * 10
    assert dataset.metainfo['classes'] == ('even', 'odd')
    assert dataset.get_cat_ids(12) == [1]
    assert len(ClassBalancedDataset(dataset, 1e-3)) == 20
    assert 'gt_label' not in build(packed)[0]


def test_shards_without_labels(tmp_path):
    pack_pictures(save_pictures(tmp_path / 'flat'), tmp_path / 'out')
    with pytest.raises(ValueError, match='have no labels'):
        build(tmp_path / 'out', with_label=True)


def test_index_of_a_sampler_is_passed_on(packed):
    """The index carries seed and epoch for SeedSample."""
    settings = (
        dict(type='SeedSample'),
        *LOAD,
        lambda results: dict(drawn=random.random(), **results),
    )
    dataset = PackedImages(str(packed), pipeline=settings)
    draws = {
        (epoch, index): dataset[SampleIndex(index, 5, epoch)]['drawn']
        for epoch in (0, 1)
        for index in (3, 4)
    }
    assert len(set(draws.values())) == 4
    again = dataset[SampleIndex(4, 5, 1)]
    assert again['drawn'] == draws[1, 4] and again['sample_idx'] == 4


def test_subsets(packed):
    dataset = build(packed, indices=12)
    assert [value(sample) for sample in dataset] == VALUES[:12]
    subset = dataset.get_subset([11, 0, -2])
    assert [value(subset[i]) for i in range(3)] == [3, 0, 1]
    assert subset.get_subset(-1)[0]['img_path'].endswith('/odd/01.png')
    subset.get_subset_(2)
    assert len(subset) == 2 and len(dataset) == 12
    both = ConcatDataset([dataset, subset])
    assert value(both[13]) == 0


def test_excluded_images_are_left_out(packed, tmp_path):
    bad = tmp_path / 'bad.txt'
    names = [
        'shard-00000.tar/even/00.png',
        f'{packed}/shard-00003.tar/odd/19.png',
    ]
    write_corrupt_files(
        bad, [CorruptFile('wrong checksum', name) for name in names]
    )
    dataset = build(packed, exclude=str(bad), with_label=True)
    assert [value(sample) for sample in dataset] == VALUES[1:-1]
    assert value(dataset.get_subset([1])[0]) == VALUES[2]


def collate(batch):
    return [(value(item), item['sample_idx']) for item in batch]


def test_workers_open_their_own_files(packed):
    """Forked workers; spawned ones get a pickled copy, tested below."""
    dataset = build(packed)
    dataset[0]
    loader = DataLoader(
        dataset,
        batch_size=5,
        num_workers=2,
        collate_fn=collate,
        multiprocessing_context='fork',
    )
    found = [pair for batch in loader for pair in batch]
    assert found == list(zip(VALUES, range(20)))


def test_a_pickled_copy_is_small_and_equal(packed):
    dataset = build(packed).get_subset([3, 1])
    dataset[0]
    data = pickle.dumps(dataset)
    # The table is read again, not pickled.
    index = packed / 'index.npz'
    assert len(pickle.dumps(dataset.data_list)) < 500
    for other in (pickle.loads(data), copy.deepcopy(dataset)):
        assert [value(sample) for sample in other] == [6, 2]
    os.utime(index, (1, 1))
    with pytest.raises(ValueError, match='was replaced during'):
        pickle.loads(data)


def damage(packed):
    """Damage one image of shard 1, some of shard 2, all of shard 3."""
    table = read_table(packed / 'index.npz')
    with (packed / 'shard-00000.tar').open('r+b') as file:
        file.seek(table.sample(2).offset + 40)
        file.write(b'!!')
    os.truncate(packed / 'shard-00001.tar', table.sample(8).offset + 9)
    (packed / 'shard-00002.tar').unlink()
    return dict.fromkeys([2], 'wrong checksum') | dict.fromkeys(
        [8, 9], 'truncated'
    ) | dict.fromkeys(range(10, 15), 'missing')  # fmt: skip


def test_damage_is_skipped_and_counted_by_cause(packed, monkeypatch):
    said = []
    monkeypatch.setattr(
        packed_images, 'print_log', lambda text, **_: said.append(text)
    )
    expected = damage(packed)
    dataset = build(packed, max_corrupt_ratio=0.4)
    [line] = said
    assert '2 of 4 shards' in line and 'shard-00002.tar (No such' in line
    for index in range(20):
        sample = dataset[index]
        assert (sample['sample_idx'] == index) == (index not in expected)
        assert value(sample) == VALUES[sample['sample_idx']]
    assert dataset.corrupt_files.found() == expected
    assert (
        dataset.corrupt_files.summary()
        == '5 missing, 2 truncated, 1 wrong checksum'
    )
    strict = build(packed, max_corrupt_ratio=0.3)
    with pytest.raises(TooManyCorruptFilesError, match='6 are allowed'):
        list(strict)


def test_without_checksums_only_decoders_find_damage(packed):
    damage(packed)
    with pytest.raises(CorruptImageError, match='wrong checksum'):
        build(packed).read_sample(2)
    build(packed, verify_checksums=False).read_sample(2)


def test_foreign_tars(tmp_path, folder):
    """WebDataset's tars, with text beside images and labels in files."""
    path = tmp_path / 'tars' / 'train-000.tar'
    path.parent.mkdir()
    with tarfile.open(path, 'w') as file:
        for number in VALUES:
            name = f'{"odd" if number % 2 else "even"}/{number:02d}.png'
            file.add(folder / name, f'{number:06d}.png')
            for suffix, text in dict(cls=number % 2, json='{}').items():
                member = tarfile.TarInfo(f'{number:06d}.{suffix}')
                member.size = len(str(text))
                file.addfile(member, io.BytesIO(str(text).encode()))
    for place in (path, path.parent):
        dataset = build(place, with_label=True)
        assert [value(sample) for sample in dataset] == VALUES
        assert dataset[19]['gt_label'] == 1
        assert dataset[19]['img_path'] == f'{path}/000019.png'
    whole = path.read_bytes()
    os.truncate(path, len(whole) // 2)
    dataset = build(path.parent, max_corrupt_ratio=0.5)
    assert 9 <= len(dataset) < 12
    assert all(value(sample) in VALUES for sample in dataset)


def test_pipelines_of_mmpretrain_get_labels(packed):
    dataset = PackedImages(
        str(packed),
        with_label=True,
        pipeline=[
            *LOAD,
            dict(type='mmpretrain.ResizeEdge', scale=8),
            dict(type='mmpretrain.PackInputs'),
        ],
    )
    packed_input = dataset[10]
    assert packed_input['inputs'].shape == (3, 8, 8)
    assert packed_input['data_samples'].gt_label.tolist() == [1]


def test_unusable_shards_are_one_line(packed, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        build(tmp_path / 'gone')
    with pytest.raises(ValueError, match='needs data_root'):
        PackedImages('')
    with pytest.raises(ValueError, match='no shards in'):
        build(tmp_path / 'images')
    (packed / 'index.npz').write_bytes(b'no index')
    with pytest.raises(ValueError, match='is not a valid index of shards'):
        build(packed)


def test_a_folder_below_the_root(packed):
    dataset = PackedImages(str(packed.parent), packed.name, LOAD)
    assert value(dataset[1]) == 2
