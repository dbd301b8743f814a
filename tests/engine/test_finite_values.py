import math

import pytest
import torch
from torch import nn

from mixmae.engine.finite_values import (
    StepGuard,
    names_of_non_finite,
    norms,
    some,
    trained_tensors,
)

NAN, INF = float('nan'), float('inf')


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('value', [NAN, INF, -INF])
def test_non_finite_values_are_found_everywhere(value, dtype):
    whole = torch.ones(5000, dtype=dtype)
    spoilt = whole.clone()
    spoilt[4321] = value
    for order in (2, math.inf):
        found = norms([whole, spoilt, whole.reshape(50, 100)], order)
        assert found.isfinite().tolist() == [True, False, True]


def test_sizes_are_those_of_the_tensors():
    tensors = [torch.tensor([3.0, -4.0]), torch.tensor([[0.5]])]
    assert norms(tensors).tolist() == [5.0, 0.5]
    assert norms(tensors, math.inf).tolist() == [4.0, 0.5]
    assert norms([]).shape == (0,)


def test_overflowing_squares_are_accepted():
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


def test_a_message_names_three_tensors():
    assert some('abc') == 'a, b, c' and some('abcd') == 'a, b, c, ...'


OPTIMIZERS = [
    (torch.optim.AdamW, {}),
    (torch.optim.AdamW, dict(fused=True)),
    (torch.optim.SGD, dict(momentum=0.9)),
    (torch.optim.SGD, dict(momentum=0.9, fused=True)),
    (torch.optim.RMSprop, {}),
]


def steps(values: list, kind: type, options: dict, guarded: bool):
    """Return a model after steps with these gradients, and its optimizer."""
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.fill_(0.5)
        model.bias.fill_(0.25)
    optimizer = kind(model.parameters(), lr=0.1, **options)
    guard = StepGuard(optimizer) if guarded else None
    for value in values:
        model.weight.grad = torch.full((2, 3), 0.1)
        model.weight.grad[1, 2] = value
        model.bias.grad = torch.ones(2)
        optimizer.step()
    return model, optimizer, guard


@pytest.mark.parametrize(('kind', 'options'), OPTIMIZERS)
def test_a_skipped_step_changes_nothing(kind, options):
    found = steps([NAN, 2.0, INF, -INF, 3.0, NAN], kind, options, True)
    wanted = steps([2.0, 3.0], kind, options, False)
    for ours, theirs in zip(
        found[0].parameters(), wanted[0].parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)
        one, other = found[1].state[ours], wanted[1].state[theirs]
        assert one.keys() == other.keys()
        for key, value in other.items():
            assert torch.equal(torch.as_tensor(one[key]), value), key
    assert not hasattr(found[1], 'found_inf')


@pytest.mark.parametrize('fused', [None, True])
def test_a_finding_is_reported_once(fused):
    options = dict(fused=fused)
    guard = steps([-7.0], torch.optim.AdamW, options, True)[2]
    check = guard.take()
    assert bool(check.finite) and check.parameters == [0, 1]
    assert guard.take() is None
    guard = steps([NAN], torch.optim.AdamW, options, True)[2]
    check = guard.take()
    assert not bool(check.finite)
    # The largest values are reported, not norms.
    assert check.sizes.isnan().tolist() == [True, False]
    assert check.sizes[1] == 1.0


def test_the_guard_can_be_removed():
    model, optimizer, guard = steps([1.0], torch.optim.AdamW, {}, True)
    guard.remove()
    model.weight.grad = torch.full((2, 3), NAN)
    optimizer.step()
    assert model.weight.isnan().all()


@pytest.mark.parametrize('fused', [None, True])
def test_a_scaler_sets_found_inf_too(fused):
    """It checks scaled gradients and removes its found_inf."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, fused=fused)
    guard = StepGuard(optimizer)
    scaler = torch.amp.GradScaler('cpu', init_scale=4.0, growth_interval=1)
    before = model.weight.item()
    for value, scale in ((INF, 2.0), (1.0, 4.0), (NAN, 2.0)):
        scaler.scale(model(torch.ones(1, 1)).sum() * value).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        assert scaler.get_scale() == scale
    assert model.weight.item() == pytest.approx(before - 1.0)
    assert not hasattr(optimizer, 'found_inf')
    guard.remove()
