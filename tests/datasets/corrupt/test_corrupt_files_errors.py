"""Data errors in loader workers reach the main process as one line."""

import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from mixmae.config.config_error_lines import config_error_line
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise CorruptImageError('a: b\n.jpg', 'truncated', 'torn\nin two')


EXPECTED = 'cannot read image a: b\\n.jpg: truncated (torn in two)'


def test_can_be_pickled():
    error = pickle.loads(pickle.dumps(CorruptImageError('a.jpg', 'empty')))
    assert (error.path, error.cause) == ('a.jpg', 'empty')
    assert str(error) == 'cannot read image a.jpg: empty'


@pytest.mark.parametrize('workers', [0, 1])
def test_a_loaders_error_is_one_line(workers):
    context = 'fork' if workers else None
    loader = DataLoader(
        Broken(), num_workers=workers, multiprocessing_context=context
    )
    with pytest.raises(CorruptImageError) as caught:
        next(iter(loader))
    assert str(caught.value) == EXPECTED
    # Message of a tool that exits with status 2.
    assert config_error_line(caught.value) == EXPECTED
