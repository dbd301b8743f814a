"""UnlabeledImageFolder: what it lists, and how it bears broken files."""

import copy
import pickle
from itertools import chain

import numpy as np
import pytest
from mmengine.dataset import default_collate
from PIL import Image
from torch.utils.data import DataLoader

from mixmae.datasets import (
    TooManyBrokenImagesError,
    UnlabeledImageFolder,
    broken_files,
    unlabeled_image_folder,
)
from mixmae.datasets.bad_file_list import BadFile, write_bad_files
from mixmae.registry import DATASETS

LOAD = [dict(type='LoadImage')]


def collate(batch):
    return [(item['sample_idx'], int(item['img'][0, 0, 0])) for item in batch]


@pytest.fixture
def folder(tmp_path):
    """Twenty grey images; the value of each is its index."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for value in range(20):
        image = Image.new('L', (4, 4), value)
        image.save(folder / f'{value:02d}.png')
    return folder


def spoil(folder, *values):
    for value in values:
        (folder / f'{value:02d}.png').write_bytes(b'no image')


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
    assert len(subset.broken_files()) == 1
    assert dataset.broken_files() == []
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
    entries = [BadFile('empty', f'{root}{name}.png') for name in ('11', '03')]
    lists = [tmp_path / 'a.txt', tmp_path / 'b.txt']
    if form == 'two lists':
        for path, entry in zip(lists, entries):
            write_bad_files(path, [entry])
        exclude = [str(path) for path in lists]
    else:
        write_bad_files(lists[0], entries)
        exclude = str(lists[0])
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, exclude=exclude, max_broken_share=0
    )
    sound = [value for value in range(20) if value not in (3, 11)]
    assert [int(item['img'][0, 0, 0]) for item in dataset] == sound
    listing = tmp_path / 'list.txt'
    listing.write_text('11.png\n07.png\n02.png\n')
    listed = UnlabeledImageFolder(
        str(folder), ann_file=str(listing), exclude=exclude, pipeline=LOAD
    )
    assert [int(item['img'][0, 0, 0]) for item in listed] == [7, 2]


def test_lists_that_leave_nothing_or_everything(folder, tmp_path, monkeypatch):
    path = tmp_path / 'bad.txt'
    write_bad_files(path, [BadFile('', f'{v:02d}.png') for v in range(20)])
    with pytest.raises(ValueError, match='bad.txt leaves none of 20 files'):
        UnlabeledImageFolder(str(folder), exclude=str(path))
    with pytest.raises(FileNotFoundError, match='gone.txt does not exist'):
        UnlabeledImageFolder(str(folder), exclude=str(tmp_path / 'gone.txt'))
    said = []
    monkeypatch.setattr(
        unlabeled_image_folder,
        'print_log',
        lambda text, **_: said.append(text),
    )
    write_bad_files(path, [BadFile('empty', 'elsewhere/03.png')])
    assert len(UnlabeledImageFolder(str(folder), exclude=str(path))) == 20
    [line] = said
    assert 'none of the 1 files' in line and f'taken from {folder}' in line


def test_what_is_missing_is_named(folder, tmp_path):
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


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(ValueError, match=r'\.jpg.*\.webp') as caught:
        UnlabeledImageFolder(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_a_broken_file_is_replaced_counted_and_named(folder, monkeypatch):
    said = []
    monkeypatch.setattr(
        broken_files,
        'print_log',
        lambda message, **_: said.append(message),
    )
    spoil(folder, 3)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    first = dataset[3]
    assert first['sample_idx'] != 3
    assert int(first['img'][0, 0, 0]) == first['sample_idx']
    # Always the same stand-in, and counted once.
    assert dataset[3]['sample_idx'] == first['sample_idx']
    again = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert again[3]['sample_idx'] == first['sample_idx']
    assert dataset.broken_files() == [str(folder / '03.png')]
    # Once by each of the two data sets.
    assert len(said) == 2
    assert '03.png' in said[0] and '1 of 20 files are broken' in said[0]


def test_a_run_of_broken_files_has_several_stand_ins(folder):
    spoil(folder, 4, 5, 6)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert len({dataset[index]['sample_idx'] for index in (4, 5, 6)}) == 3


def test_too_many_broken_files_stop_the_run(folder):
    spoil(folder, *range(6))
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    for index in range(5):
        dataset[index]
    with pytest.raises(TooManyBrokenImagesError, match='05.png.*6 of 20') as e:
        for index in range(20):
            dataset[index]
    assert 'max_broken_share=0.01' in str(e.value)
    lenient = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_broken_share=0.3
    )
    assert len([lenient[index] for index in range(20)]) == 20


def test_a_share_of_zero_bears_none(folder):
    spoil(folder, 0)
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_broken_share=0
    )
    with pytest.raises(TooManyBrokenImagesError, match='1 of 20'):
        dataset[0]


def test_nothing_but_broken_files(folder):
    spoil(folder, *range(20))
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_broken_share=1.0
    )
    with pytest.raises(TooManyBrokenImagesError, match='all 20'):
        dataset[0]


@pytest.mark.parametrize('share', [-0.1, 1.5])
def test_shares_out_of_range(folder, share):
    with pytest.raises(ValueError, match=str(share)):
        UnlabeledImageFolder(str(folder), max_broken_share=share)


def test_other_errors_are_not_swallowed(folder):
    def fail(results):
        raise KeyError('a bug in a transform')

    dataset = UnlabeledImageFolder(str(folder), pipeline=[*LOAD, fail])
    with pytest.raises(KeyError, match='a bug'):
        dataset[0]


def test_workers_share_the_count(folder):
    spoil(folder, 2, 11)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    loader = DataLoader(
        dataset,
        batch_size=5,
        num_workers=2,
        collate_fn=collate,
        multiprocessing_context='fork',
        persistent_workers=True,
    )
    epochs = [list(chain(*loader)) for _ in range(2)]
    assert epochs[0] == epochs[1]
    assert all(index == value for index, value in epochs[0])
    assert len(epochs[0]) == 20
    names = [str(folder / name) for name in ('02.png', '11.png')]
    assert dataset.broken_files() == names


@pytest.mark.slow
def test_spawned_workers_share_the_count(folder):
    spoil(folder, 2)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    loader = DataLoader(
        dataset,
        batch_size=10,
        num_workers=1,
        collate_fn=collate,
        multiprocessing_context='spawn',
    )
    assert len(list(chain(*loader))) == 20
    assert dataset.broken_files() == [str(folder / '02.png')]


def test_the_stop_reaches_the_main_process(folder):
    spoil(folder, *range(6))
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    loader = DataLoader(dataset, num_workers=1, multiprocessing_context='fork')
    with pytest.raises(TooManyBrokenImagesError, match='6 of 20'):
        list(loader)


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
