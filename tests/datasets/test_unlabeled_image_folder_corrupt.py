"""UnlabeledImageFolder with corrupt files."""

from itertools import chain

import pytest
from torch.utils.data import DataLoader

from mixmae.datasets import TooManyCorruptFilesError, UnlabeledImageFolder
from mixmae.datasets.corrupt import corrupt_files
from tests.datasets.grey_pictures import save_pictures, spoil

LOAD = [dict(type='LoadImage')]


def collate(batch):
    return [(item['sample_idx'], int(item['img'][0, 0, 0])) for item in batch]


@pytest.fixture
def folder(tmp_path):
    return save_pictures(tmp_path / 'images')


def test_a_corrupt_file_is_replaced_counted_and_named(folder, monkeypatch):
    said = []
    monkeypatch.setattr(
        corrupt_files,
        'print_log',
        lambda message, **_: said.append(message),
    )
    spoil(folder, 3)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    first = dataset[3]
    assert first['sample_idx'] != 3
    assert int(first['img'][0, 0, 0]) == first['sample_idx']
    # Always the same fallback sample, counted once.
    assert dataset[3]['sample_idx'] == first['sample_idx']
    again = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert again[3]['sample_idx'] == first['sample_idx']
    assert [*dataset.corrupt_files.found()] == [3]
    # Once by each of the two data sets.
    assert len(said) == 2
    assert '03.png' in said[0] and '1 of 20 files are corrupt' in said[0]


def test_a_run_of_corrupt_files_has_several_fallback_samples(folder):
    spoil(folder, 4, 5, 6)
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    assert len({dataset[index]['sample_idx'] for index in (4, 5, 6)}) == 3


def test_too_many_corrupt_files_stop_the_run(folder):
    spoil(folder, *range(6))
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    for index in range(5):
        dataset[index]
    with pytest.raises(TooManyCorruptFilesError, match='05.png.*6 of 20') as e:
        for index in range(20):
            dataset[index]
    assert 'max_corrupt_ratio=0.01' in str(e.value)
    lenient = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_corrupt_ratio=0.3
    )
    assert len([lenient[index] for index in range(20)]) == 20


def test_a_share_of_zero_tolerates_none(folder):
    spoil(folder, 0)
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_corrupt_ratio=0
    )
    with pytest.raises(TooManyCorruptFilesError, match='1 of 20'):
        dataset[0]


def test_only_corrupt_files(folder):
    spoil(folder, *range(20))
    dataset = UnlabeledImageFolder(
        str(folder), pipeline=LOAD, max_corrupt_ratio=1.0
    )
    with pytest.raises(TooManyCorruptFilesError, match='none of the 20'):
        dataset[0]


@pytest.mark.parametrize('share', [-0.1, 1.5])
def test_shares_out_of_range(folder, share):
    with pytest.raises(ValueError, match=str(share)):
        UnlabeledImageFolder(str(folder), max_corrupt_ratio=share)


def test_other_errors_are_raised(folder):
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
    assert [*dataset.corrupt_files.found()] == [2, 11]


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
    assert [*dataset.corrupt_files.found()] == [2]


def test_the_error_reaches_the_main_process(folder):
    spoil(folder, *range(6))
    dataset = UnlabeledImageFolder(str(folder), pipeline=LOAD)
    loader = DataLoader(dataset, num_workers=1, multiprocessing_context='fork')
    with pytest.raises(TooManyCorruptFilesError, match='6 of 20'):
        list(loader)
