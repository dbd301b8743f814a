import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mixmae.checkpoints.safe_load import safe_load


class Reduced:
    """Unpickled by a call of something."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def history() -> HistoryBuffer:
    found = HistoryBuffer([1.0, 3.0], [1, 1])
    found.update(5.0)
    return found


def loaded(content: dict, path) -> dict:
    torch.save(content, path)
    return safe_load(path)


def test_a_history_comes_back_as_itself(tmp_path):
    path = tmp_path / 'run.pth'
    found = loaded({'loss': history()}, path)['loss']
    assert type(found) is HistoryBuffer
    assert found.statistics('mean') == found.mean() == 3.0
    found.update(7.0)
    # As often as one likes, and by MMEngine alone.
    again = loaded({'loss': found}, path)['loss']
    assert again.data[0].tolist() == [1, 3, 5, 7]
    content = torch.load(path, weights_only=False)
    assert type(content['loss']) is HistoryBuffer


def test_getattr_gets_nothing(tmp_path):
    """It would lead from any class to everything else."""
    reach = Reduced(getattr, (HistoryBuffer, '__init__'))
    assert loaded({'x': reach}, tmp_path / 'x.pth') == {'x': None}


def test_methods_are_not_taken_from_files(tmp_path):
    methods = dict(HistoryBuffer._statistics_methods)
    state = dict(history().__getstate__(), statistics_methods={'mean': 7})
    bad = Reduced(HistoryBuffer, (), state)
    found = loaded({'x': bad}, tmp_path / 'x.pth')['x']
    assert HistoryBuffer._statistics_methods == methods
    assert found.statistics('mean') == 3.0


@pytest.mark.parametrize(
    'state',
    [
        {},
        7,
        {'max_length': 3},
        dict(_log_history=[1], _count_history=[1], max_length=3),
        dict(
            _log_history=np.ones(1), _count_history=np.ones(1), max_length='x'
        ),
    ],
)
def test_damaged_histories(tmp_path, state):
    bad = Reduced(HistoryBuffer, (), state)
    with pytest.raises(ValueError, match='x.pth cannot be loaded safely'):
        loaded({'x': bad}, tmp_path / 'x.pth')


def test_without_the_context_of_later_releases(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.serialization, 'safe_globals')
    before = torch.serialization.get_safe_globals()
    found = loaded({'loss': history()}, tmp_path / 'run.pth')['loss']
    assert type(found) is HistoryBuffer
    assert set(torch.serialization.get_safe_globals()) == set(before)
