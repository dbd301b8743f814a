"""Objects of NumPy and MMEngine are restored unchanged or refused."""

import argparse
import datetime

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mixmae.checkpoints.io.safe_load import safe_load, safe_load_bytes
from tests.fuzz.samples import KINDS, same, saved


@pytest.mark.parametrize('new', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('kind', KINDS)
def test_real_checkpoints_are_restored_bit_equal(tmp_path, kind, new):
    path = tmp_path / 'x.pth'
    path.write_bytes(saved(KINDS[kind](), new))
    wanted = torch.load(path, weights_only=False)
    found = safe_load(path)
    assert same(found, wanted), (found, wanted)
    # Any number of times.
    torch.save(found, path)
    assert same(safe_load(path), wanted)


@pytest.mark.parametrize('dtype', [torch.uint16, torch.float8_e4m3fn])
def test_types_of_later_releases(dtype):
    content = {'a': torch.arange(4.0).to(dtype)}
    assert same(safe_load_bytes(saved(content), 'x'), content)


def test_shared_arrays_stay_shared():
    array = np.arange(4)
    content = {'a': array, 'b': [array], 'c': {'d': array}}
    found = safe_load_bytes(saved(content), 'x')
    assert found['a'] is found['b'][0] is found['c']['d']
    found['a'][0] = 7
    assert found['b'][0][0] == 7


def test_a_history_continues():
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    found = safe_load_bytes(saved({'loss': history}), 'x')['loss']
    assert found.statistics('mean') == 2
    found.update(5)
    assert found.mean() == 3


@pytest.mark.parametrize(
    ('value', 'said'),
    [
        (np.array([{}, 3], object), 'a NumPy array of type O'),
        (np.array(['a', 'bc']), 'a NumPy array of type U2'),
        (np.array([b'abc']), 'a NumPy array of type S3'),
        (np.str_('abc'), 'a NumPy array of type U3'),
        (np.zeros(2, [('x', 'f4'), ('y', 'i2')]), 'a NumPy array of type V6'),
        (np.array(['2020'], 'M8[D]'), 'a NumPy array of type M8'),
        (np.array([1], 'm8[s]'), 'a NumPy array of type m8'),
        (datetime.timedelta(1), 'wants to run datetime.timedelta'),
        (print, 'wants to run print'),
        (dict, 'wants to run dict'),
        (np.float64, 'wants to run numpy.float64'),
        (argparse.Namespace, 'holds an object of type'),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value),
)
def test_other_objects_are_refused(value, said):
    with pytest.raises(
        ValueError, match=r'^x cannot be loaded safely'
    ) as found:
        safe_load_bytes(saved({'a': [value]}), 'x')
    assert said in str(found.value).replace('builtins.', '')
    assert '--trust-checkpoint' in str(found.value)
