"""UnlabeledImageFolder: listing and samples."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate

from mixmae.datasets import (
    UnlabeledImageFolder,
    image_set,
)
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    write_corrupt_files,
)
from mixmae.registry import DATASETS
from tests.datasets.grey_pictures import save_pictures, spoil

LOAD = [dict(type='LoadImage')]


@pytest.fixture
def folder(tmp_path):
    return save_pictures(tmp_path / 'images')


@pytest.mark.parametrize('serialize_data', [True, False])
@pytest.mark.parametrize('lazy_init', [True, False])
def test_items(folder, serialize_data, lazy_init):
    dataset = DATASETS.build(
        dict(
            type='UnlabeledImageFolder',
            data_root=str(folder),
            pipeline=LOAD,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )
    )
    item = dataset[3]
    assert len(dataset) == 20
    assert item['img_path'] == str(folder / '03.png')
    assert item['sample_idx'] == 3
    assert (item['img'] == 3).all()
    assert dataset[-1]['sample_idx'] == 19
    with pytest.raises(IndexError, match='20 images'):
        dataset[20]


def test_iteration_ends(folder):
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert [item['sample_idx'] for item in dataset] == list(range(20))


def test_indices_and_subsets(folder):
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD, indices=5)
    assert len(dataset) == 5
    spoil(folder, 1)
    subset = dataset.get_subset([1, 2])
    assert (subset[0]['img'] == 2).all()
    assert len(subset.corrupt_files.found()) == 1
    assert not dataset.corrupt_files.found()
    dataset.get_subset_([3, 4])
    assert [int(item['img'][0, 0, 0]) for item in dataset] == [3, 4]
    assert len(copy.deepcopy(dataset)) == 2


def test_prefix(folder):
    prefixed = UnlabeledImageFolder(
        str(folder.parent), data_prefix='images', pipeline=LOAD
    )
    assert len(prefixed) == 20


def test_list_of_paths(folder, tmp_path):
    listing = tmp_path / 'list.txt'
    lines = ['# chosen', 'images/07.png', '', str(folder / '02.png')]
    listing.write_text('\n'.join(lines))
    dataset = UnlabeledImageFolder(ann_file=str(listing), pipeline=LOAD)
    assert [int(item['img'][0, 0, 0]) for item in dataset] == [7, 2]
    listing.write_text('07.png\n')
    rooted = UnlabeledImageFolder(
        str(folder), ann_file=str(listing), pipeline=LOAD
    )
    assert int(rooted[0]['img'][0, 0, 0]) == 7


def test_a_list_stays_below_its_folder(folder, tmp_path):
    listing = tmp_path / 'list.txt'
    listing.write_text('07.png\n../list.txt\n')
    with pytest.raises(ValueError, match='list.txt, line 2: .* leads out'):
        UnlabeledImageFolder(str(folder), ann_file=str(listing))
    with pytest.raises(ValueError, match='line 2'):
        UnlabeledImageFolder(data_prefix=str(folder), ann_file=str(listing))


@pytest.mark.parametrize('form', ['relative', 'absolute', 'two lists'])
def test_listed_files_are_left_out(folder, tmp_path, form):
    """The others keep their order."""
    spoil(folder, 3, 11)
    root = f'{folder}/' if form == 'absolute' else ''
    entries = [
        CorruptFile('empty', f'{root}{name}.png') for name in ('11', '03')
    ]
    lists = [tmp_path / 'a.txt', tmp_path / 'b.txt']
    if form == 'two lists':
        for path, entry in zip(lists, entries):
            write_corrupt_files(path, [entry])
        exclude = [str(path) for path in lists]
    else:
        write_corrupt_files(lists[0], entries)
        exclude = str(lists[0])
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, exclude=exclude, max_corrupt_ratio=0
    )
    sound = [value for value in range(20) if value not in (3, 11)]
    assert [int(item['img'][0, 0, 0]) for item in dataset] == sound
    listing = tmp_path / 'list.txt'
    listing.write_text('11.png\n07.png\n02.png\n')
    listed = UnlabeledImageFolder(
        str(folder), ann_file=str(listing), exclude=exclude, pipeline=LOAD
    )
    assert [int(item['img'][0, 0, 0]) for item in listed] == [7, 2]


def test_lists_that_exclude_all_or_nothing(folder, tmp_path, monkeypatch):
    path = tmp_path / 'bad.txt'
    write_corrupt_files(
        path, [CorruptFile('', f'{v:02d}.png') for v in range(20)]
    )
    with pytest.raises(ValueError, match='bad.txt excludes all 20 files'):
        UnlabeledImageFolder(str(folder), exclude=str(path))
    with pytest.raises(FileNotFoundError, match='gone.txt does not exist'):
        UnlabeledImageFolder(str(folder), exclude=str(tmp_path / 'gone.txt'))
    said = []
    monkeypatch.setattr(
        image_set, 'print_log', lambda text, **_: said.append(text)
    )
    write_corrupt_files(path, [CorruptFile('empty', 'elsewhere/03.png')])
    assert len(UnlabeledImageFolder(str(folder), exclude=str(path))) == 20
    [line] = said
    assert (
        'none of the 1 files' in line and f'paths start from {folder}' in line
    )


def test_missing_paths_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        UnlabeledImageFolder(str(tmp_path / 'nowhere'))
    with pytest.raises(FileNotFoundError, match='nowhere.txt'):
        UnlabeledImageFolder(ann_file=str(tmp_path / 'nowhere.txt'))
    with pytest.raises(ValueError, match='neither'):
        UnlabeledImageFolder()
    with pytest.raises(ValueError, match='ann_file'):
        UnlabeledImageFolder(str(folder / '01.png'))
    listing = tmp_path / 'list.txt'
    listing.write_text('01.png\n')
    with pytest.raises(FileNotFoundError, match='none of the first paths'):
        UnlabeledImageFolder(ann_file=str(listing))
    listing.write_text('\n# nothing\n')
    with pytest.raises(ValueError, match='no paths'):
        UnlabeledImageFolder(ann_file=str(listing))


def test_an_empty_folder_names_the_suffixes(tmp_path):
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(ValueError, match=r'\.jpg.*\.webp') as caught:
        UnlabeledImageFolder(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_can_be_pickled(folder):
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert len(pickle.loads(pickle.dumps(dataset))) == 20


def test_packs_with_mmpretrain(folder):
    pytest.importorskip('mmpretrain')
    dataset = UnlabeledImageFolder(
        str(folder),
        pipeline=[
            dict(type='LoadImage'),
            dict(
                type='mmpretrain.RandomResizedCrop',
                scale=8,
                backend='pillow',
                interpolation='bicubic',
            ),
            dict(type='mmpretrain.RandomFlip', prob=0.5),
            dict(type='mmpretrain.PackInputs'),
        ],
    )
    batch = default_collate([dataset[0], dataset[7]])
    assert batch['inputs'].shape == (2, 3, 8, 8)
    assert np.unique(batch['inputs'][1]).tolist() == [7]
    assert [s.sample_idx for s in batch['data_samples']] == [0, 7]


def test_flips_are_applied_by_every_packing(folder):
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    end = dict(type='mmpretrain.PackInputs')
    flip = dict(type='DrawFlip', prob=1.0)

    def load(results):
        return results | {'img': picture}

    plain, flipped = (
        UnlabeledImageFolder(str(folder), pipeline=steps)[0]['inputs']
        for steps in ([load, end], [load, flip, end])
    )
    assert torch.equal(flipped, plain.flip(-1))
    assert not torch.equal(flipped, plain)
