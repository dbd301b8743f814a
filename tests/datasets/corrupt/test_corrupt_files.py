"""Fallback samples for corrupt files, and the limit on their share."""

import pytest

from mixmae.datasets.corrupt.corrupt_file_list import CorruptFileRegister
from mixmae.datasets.corrupt.corrupt_files import (
    CorruptFiles,
    TooManyCorruptFilesError,
)
from mixmae.datasets.corrupt.corrupt_image_error import (
    CorruptImageError,
    unsupported,
)
from mixmae.datasets.samplers.resumable_samplers import SampleIndex


def preparing(*broken, cause='empty'):
    def prepare(index):
        if int(index) in broken:
            raise CorruptImageError(f'{int(index)}.jpg', cause)
        return index

    return prepare


def test_intact_samples_are_returned():
    files = CorruptFiles(10, 0.5)
    assert [files.deliver(i, preparing()) for i in range(10)] == [*range(10)]
    assert files.deliver(-1, preparing()) == 9
    assert files.found() == {} and files.summary() == ''


def test_the_fallback_sample_depends_on_the_corrupt_files_only():
    """The order in which workers find them has no effect."""
    prepare = preparing(2, 3, 8)
    orders = [range(20), range(19, -1, -1), [3, 2, 8, 3, 2, 8]]
    chosen = []
    for order in orders:
        files = CorruptFiles(20, 0.5)
        for index in order:
            files.deliver(index, prepare)
        chosen.append([files.deliver(i, prepare) for i in range(20)])
        assert files.found() == {2: 'empty', 3: 'empty', 8: 'empty'}
    assert chosen[0] == chosen[1] == chosen[2]
    assert not {2, 3, 8} & set(chosen[0])


def test_the_fallback_sample_is_of_the_same_epoch():
    """Its crops depend on seed and epoch."""
    files = CorruptFiles(20, 0.5)
    found = files.deliver(SampleIndex(3, 7, 5), preparing(3))
    assert isinstance(found, SampleIndex)
    assert (found.seed, found.epoch) == (7, 5) and found != 3


def test_too_many_corrupt_files():
    files = CorruptFiles(1000, 0.01)
    prepare = preparing(*range(11))
    for index in range(10):
        files.deliver(index, prepare)
    with pytest.raises(TooManyCorruptFilesError) as caught:
        files.deliver(10, prepare)
    text = str(caught.value)
    assert '10.jpg: empty; 11 of 1000 files are corrupt' in text
    assert '(11 empty), 10 are allowed' in text
    assert 'max_corrupt_ratio=0.01' in text and '\n' not in text


@pytest.mark.parametrize(
    'count, share, allowed',
    [(4, 0.01, 2), (20, 0.01, 5), (2000, 0.01, 20), (2000, 0, 0), (9, 1, 9)],
)
def test_maximum_share_of_corrupt_files(count, share, allowed):
    assert CorruptFiles(count, share).allowed == allowed


def test_the_error_is_not_reported_as_missing_data():
    """The command line would report a missing data folder."""
    files = CorruptFiles(10, 0)

    def prepare(index):
        raise CorruptImageError('a.jpg', 'missing') from FileNotFoundError()

    with pytest.raises(TooManyCorruptFilesError) as caught:
        files.deliver(0, prepare)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_ranks_count_together(tmp_path):
    """Each rank reads a part of the data."""
    path = tmp_path / 'corrupt_files.txt'
    ranks = [CorruptFiles(1000, 0.01) for _ in range(2)]
    for rank in ranks:
        rank.attach(CorruptFileRegister(path), 'train')
    prepare = preparing(*range(100), cause='truncated')
    with pytest.raises(TooManyCorruptFilesError) as caught:
        for index in range(0, 100, 2):
            ranks[0].deliver(index, prepare)
            ranks[1].deliver(index + 1, prepare)
    assert '11 of 1000' in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(path.read_text().splitlines()) == 12
    # A restarted run knows them from the start.
    again, register = CorruptFiles(1000, 0.5), CorruptFileRegister(path)
    register.look()
    again.attach(register, 'train')
    assert again.summary() == '11 truncated'
    again.deliver(0, lambda index: index)
    assert len(path.read_text().splitlines()) == 12


def test_other_data_sets_do_not_count(tmp_path):
    register = CorruptFileRegister(tmp_path / 'corrupt_files.txt')
    train, val = CorruptFiles(10, 0.5), CorruptFiles(10, 0.5)
    train.attach(register, 'train')
    val.attach(register)
    val.deliver(3, preparing(3))
    assert len(register.entries()) == 1
    assert train.found() == {} and val.found() == {3: 'empty'}


def test_unknown_causes_are_accepted(tmp_path):
    path = tmp_path / 'corrupt_files.txt'
    path.write_text('ugly\t/a.jpg\ttrain/3\nempty\t/b.jpg\ttrain/99\n')
    register = CorruptFileRegister(path)
    register.look()
    files = CorruptFiles(10, 0.5)
    files.attach(register, 'train')
    assert files.deliver(3, lambda index: index) != 3


def test_the_true_cause_of_unsupported_files_is_named():
    files = CorruptFiles(1000, 0.01)

    def prepare(index):
        raise unsupported(f'{index}.tif', 'TIFF, 12 bands', 'convert it')

    with pytest.raises(TooManyCorruptFilesError) as caught:
        files.deliver(3, prepare)
    text = str(caught.value)
    assert 'unsupported (TIFF, 12 bands; convert it)' in text
    assert '(11 unsupported), 10 are allowed' in text and '\n' not in text
    assert 'damaged' not in text
