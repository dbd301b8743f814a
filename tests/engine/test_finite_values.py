import pytest
import torch
from torch import nn

from mixmae.engine.finite_values import (
    largest,
    names_of_non_finite,
    norms,
    some,
    trained_tensors,
)

NAN, INF = float('nan'), float('inf')


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('value', [NAN, INF, -INF])
def test_what_is_not_finite_is_seen_wherever_it_is(value, dtype):
    whole = torch.ones(5000, dtype=dtype)
    spoilt = whole.clone()
    spoilt[4321] = value
    for measure in (norms, largest):
        found = measure([whole, spoilt, whole.reshape(50, 100)])
        assert found.isfinite().tolist() == [True, False, True]


def test_sizes_are_those_of_the_tensors():
    tensors = [torch.tensor([3.0, -4.0]), torch.tensor([[0.5]])]
    assert norms(tensors).tolist() == [5.0, 0.5]
    assert largest(tensors).tolist() == [4.0, 0.5]
    assert norms([]).shape == (0,)


def test_squares_that_overflow_are_no_reason_to_stop():
    huge = torch.tensor([1e30, 1.0])
    assert not norms([huge]).isfinite().any()
    assert names_of_non_finite({'huge': huge}) == []


def test_names_in_their_order_and_of_any_type():
    named = {
        'whole': torch.ones(2),
        'count': torch.tensor(7),
        'half': torch.tensor([1.0, INF], dtype=torch.float16),
        'none': torch.zeros(0),
        'nan': torch.tensor(NAN, dtype=torch.float64),
    }
    assert names_of_non_finite(named) == ['half', 'nan']


def test_constants_may_be_infinite():
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    model.register_buffer('allowed', torch.tensor([0.0, -INF]))
    assert set(trained_tensors(model)) == {
        '0.weight',
        '0.bias',
        '1.weight',
        '1.bias',
        '1.running_mean',
        '1.running_var',
        '1.num_batches_tracked',
    }


def test_a_message_names_three():
    assert some('abc') == 'a, b, c' and some('abcd') == 'a, b, c, ...'
