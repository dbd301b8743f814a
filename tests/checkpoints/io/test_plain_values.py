"""Types and nesting depth of values in checkpoints."""

from collections import OrderedDict

import pytest
import torch

from mixmae.checkpoints.io.plain_values import MAX_DEPTH, plain_values
from mixmae.checkpoints.io.saved_values import Malformed, NotAllowed


def nested(depth: int, kind: type) -> object:
    """Return nested containers with a number in the innermost one."""
    value: object = 3
    for _ in range(depth):
        value = {'a': value} if kind is dict else kind([value])
    return value


@pytest.mark.parametrize('kind', [dict, list, tuple])
def test_depth(kind):
    allowed = nested(MAX_DEPTH, kind)
    assert plain_values(allowed) == nested(MAX_DEPTH, kind)
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(Malformed, match='nested more than 100 deep'):
            plain_values(nested(depth, kind))


def test_depth_of_what_is_shared():
    """Each container adds one level to a shared value."""
    steps: list = [[]]
    for _ in range(10_000):
        steps.append([steps[-1]])
    with pytest.raises(Malformed, match='nested more than'):
        plain_values(steps)
    # 2^60 paths lead through 60 levels; each object is visited once.
    twice: list = []
    for _ in range(60):
        twice = [twice, twice]
    assert plain_values(twice) is twice


@pytest.mark.parametrize('kind', [dict, list])
def test_recursive_containers(kind):
    value = kind()
    inner = ([value],)
    if kind is dict:
        value['a'] = inner
    else:
        value.append(inner)
    with pytest.raises(Malformed, match=f'a {kind.__name__} that contains it'):
        plain_values(value)


def test_attributes_of_dicts():
    """An attribute would hide a method of the class."""
    state = OrderedDict(a=torch.ones(1))
    state._metadata = {'': {'version': 1}}
    assert plain_values(state) is state
    state.items = dict
    with pytest.raises(Malformed, match='a dict with attributes'):
        plain_values(state)
    del state.items
    state._metadata = {'': print}
    with pytest.raises(NotAllowed, match='builtin_function'):
        plain_values(state)


@pytest.mark.parametrize(
    'value',
    [
        torch.ones(2).to_sparse(),
        torch.ones(2, device='meta'),
        torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8),
        torch.nested.nested_tensor([torch.ones(2), torch.ones(1)]),
        torch.ones(1).untyped_storage(),
        torch.nn.Linear(1, 1),
        object(),
        lambda: 3,
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_objects(value):
    with pytest.raises(NotAllowed):
        plain_values({'a': [(value,)]})


def test_keys():
    assert plain_values({1: 2, None: 3, ('a', 1): 4, 'x': 5})
    for key in (torch.ones(1), print, ((1,),)):
        with pytest.raises(Malformed, match='a key of type'):
            plain_values({key: 1})
