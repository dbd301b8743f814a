"""Names that pickles may use, and the objects they resolve to."""

import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import get_torch_safe_globals
from torch.serialization import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
)

from mixmae.checkpoints.io.pickle_check import (
    REPLACEMENTS,
    only_safe_globals,
)
from mixmae.checkpoints.io.safe_load import safe_load


class Reduced:
    """Object whose unpickling calls a given function."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def loaded(content: dict, path) -> dict:
    torch.save(content, path)
    return safe_load(path)


def test_only_our_own_names_are_allowed():
    """Each allowed name resolves to a replacement of ours."""
    with only_safe_globals():
        allowed = get_safe_globals()
    names = {f'{one.__module__}.{one.__qualname__}' for one in allowed}
    assert names == set(REPLACEMENTS) and len(allowed) == len(names)
    for one in allowed:
        module, name = one.__module__, one.__qualname__
        real = pickle._getattribute(__import__(module, fromlist='x'), name)
        assert one is not (real[0] if isinstance(real, tuple) else real)
    for one in REPLACEMENTS.values():
        assert one.__module__ == 'mixmae.checkpoints.io.saved_values'


def test_only_dtype_types_of_mmengines_list_are_left_out():
    """MMEngine lists them for changes of dtypes, which are refused here."""
    for one in get_torch_safe_globals():
        known = f'{one.__module__}.{one.__qualname__}' in REPLACEMENTS
        assert known or issubclass(one, np.dtype)


def test_names_that_other_packages_allow_are_ignored(tmp_path):
    before = get_safe_globals()
    try:
        add_safe_globals([np.dtype, np.ndarray, print])
        found = loaded({'a': np.arange(3)}, tmp_path / 'x.pth')['a']
        assert type(found) is np.ndarray
        with pytest.raises(ValueError, match='wants to run builtins.print'):
            loaded({'a': print}, tmp_path / 'x.pth')
        assert {np.dtype, np.ndarray, print} <= set(get_safe_globals())
    finally:
        clear_safe_globals()
        add_safe_globals(list(before))


def test_getattr_is_refused(tmp_path):
    """``getattr`` would give access to anything from any class."""
    reach = Reduced(getattr, (HistoryBuffer, '__init__'))
    assert loaded({'x': reach}, tmp_path / 'x.pth') == {'x': None}


def test_methods_are_refused(tmp_path):
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    methods = dict(HistoryBuffer._statistics_methods)
    state = dict(history.__getstate__(), statistics_methods={'mean': 7})
    bad = Reduced(HistoryBuffer, (), state)
    found = loaded({'x': bad}, tmp_path / 'x.pth')['x']
    assert HistoryBuffer._statistics_methods == methods
    assert found.statistics('mean') == 2.0 and 'statistics' not in vars(found)


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
        dict(_log_history=np.ones(2), _count_history=np.ones(1), max_length=3),
        dict(
            _log_history=np.ones((1, 1)),
            _count_history=np.ones((1, 1)),
            max_length=3,
        ),
    ],
)
def test_damaged_histories(tmp_path, state):
    bad = Reduced(HistoryBuffer, (), state)
    with pytest.raises(ValueError, match='x.pth cannot be loaded safely'):
        loaded({'x': bad}, tmp_path / 'x.pth')
