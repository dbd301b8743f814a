import copy

import pytest
import torch
from torch import nn

from mixmae.engine.optimizers import AutocastOptimWrapper
from mixmae.engine.optimizers import autocast_optim_wrapper as module


def wrapper(model: nn.Module, **kwargs) -> AutocastOptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return AutocastOptimWrapper(optimizer, **kwargs)


@pytest.mark.parametrize(
    ('dtype', 'expected'),
    [
        ('float32', torch.float32),
        ('bfloat16', torch.bfloat16),
        ('float16', torch.float16),
    ],
)
def test_forward_runs_in_the_dtype(dtype, expected):
    model = nn.Linear(4, 4)
    optim = wrapper(model, dtype=dtype)
    with optim.optim_context(model):
        assert model(torch.ones(2, 4)).dtype == expected
    assert model(torch.ones(2, 4)).dtype == torch.float32


def test_float32_switches_an_outer_autocast_off():
    model = nn.Linear(4, 4)
    optim = wrapper(model, dtype='float32')
    with torch.autocast('cpu', torch.bfloat16), optim.optim_context(model):
        assert model(torch.ones(2, 4)).dtype == torch.float32


@pytest.mark.parametrize(
    ('flags', 'expected'),
    [
        ({'avx512_bf16', 'avx2'}, torch.float32),
        ({'amx_bf16', 'avx512_bf16'}, torch.bfloat16),
        ({'avx512_bf16', 'sse4a'}, torch.bfloat16),
        ({'avx2', 'sse4a'}, torch.float32),
        ({'avx2', 'avx512_f'}, torch.float32),
        (set(), torch.float32),
    ],
)
def test_auto_is_bfloat16_where_it_is_faster(monkeypatch, flags, expected):
    monkeypatch.setattr(module, 'cpu_flags', lambda: flags)
    assert wrapper(nn.Linear(2, 2), dtype='auto').dtype == expected


def test_auto_follows_the_compute_capability(monkeypatch):
    for capability, expected in (
        ((7, 5), torch.float32),
        ((8, 0), torch.bfloat16),
        ((9, 0), torch.bfloat16),
    ):
        monkeypatch.setattr(
            torch.cuda, 'get_device_capability', lambda _, c=capability: c
        )
        assert module.auto_dtype(torch.device('cuda')) == expected


def test_cpu_flags_are_names():
    assert all(isinstance(flag, str) for flag in module.cpu_flags())


def test_bad_arguments_name_the_allowed_ones():
    with pytest.raises(ValueError, match="'half'.*'auto'.*'float32'"):
        wrapper(nn.Linear(2, 2), dtype='half')
    with pytest.raises(ValueError, match="'static'.*'dynamic'"):
        wrapper(nn.Linear(2, 2), loss_scale='static')


def test_accumulates_and_clips_as_the_whole_batch():
    torch.manual_seed(0)
    batch = torch.randn(8, 4)
    model = nn.Linear(4, 1)
    whole, halves = copy.deepcopy(model), copy.deepcopy(model)
    clip = dict(type='norm', max_norm=0.1)

    optim = wrapper(whole, dtype='float32', clip_grad=clip)
    with optim.optim_context(whole):
        loss = whole(batch).square().mean()
    optim.update_params(loss)

    optim = wrapper(
        halves, dtype='float32', clip_grad=clip, accumulative_counts=2
    )
    for part in batch.split(4):
        with optim.optim_context(halves):
            loss = halves(part).square().mean()
        optim.update_params(loss)
    assert clip == dict(type='norm', max_norm=0.1)
    assert not torch.equal(whole.weight, model.weight)
    torch.testing.assert_close(whole.weight, halves.weight)


class CountingScaler:
    """Replacement for GradScaler, which works on CUDA only."""

    def __init__(self, factor: float = 4.0) -> None:
        self.factor = factor
        self.calls: list[str] = []

    def is_enabled(self) -> bool:
        return True

    def scale(self, loss):
        return loss * self.factor

    def unscale_(self, optimizer):
        self.calls.append('unscale')
        for group in optimizer.param_groups:
            for parameter in group['params']:
                parameter.grad /= self.factor

    def step(self, optimizer):
        self.calls.append('step')
        if 'unscale' not in self.calls:
            self.unscale_(optimizer)
        optimizer.step()

    def update(self, scale=None):
        self.calls.append('update')

    def state_dict(self):
        return {'scale': self.factor}

    def load_state_dict(self, state):
        self.factor = state['scale']


def test_scaler_unscales_once_per_update_and_before_clipping():
    torch.manual_seed(0)
    batch = torch.randn(4, 4)
    plain = nn.Linear(4, 1)
    scaled = copy.deepcopy(plain)
    for model, scaler in ((plain, None), (scaled, CountingScaler())):
        optim = wrapper(
            model,
            dtype='float32',
            clip_grad=dict(max_norm=0.1),
            accumulative_counts=2,
        )
        if scaler is not None:
            optim.loss_scaler = scaler
        for _ in range(2):
            optim.update_params(model(batch).square().mean())
        if scaler is not None:
            assert scaler.calls == ['unscale', 'step', 'update']
    torch.testing.assert_close(plain.weight, scaled.weight)


def test_scaler_state_is_saved_and_loaded():
    model = nn.Linear(2, 2)
    source, target = wrapper(model), wrapper(model)
    source.loss_scaler = CountingScaler(64.0)
    target.loss_scaler = CountingScaler(2.0)
    state = source.state_dict()
    target.load_state_dict(state)
    assert target.loss_scaler.factor == 64.0
    assert 'loss_scaler' in state, 'the state given must not be changed'
    # With another dtype there is no scaler to load it.
    wrapper(model, dtype='float32').load_state_dict(state)
    # Nor is one in the state of a float32 run.
    target.load_state_dict(wrapper(model, dtype='float32').state_dict())


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_loss_that_is_not_finite_shows_in_all_gradients(value):
    model = nn.Linear(2, 2)
    optim = wrapper(model, dtype='float32')
    # A constant has no gradient.
    optim.backward(model(torch.ones(1, 2)).sum() + value)
    assert all(p.grad.isnan().all() for p in model.parameters())


def test_gradients_of_a_finite_loss_are_those_of_pytorch():
    model = nn.Linear(3, 2)
    optim = wrapper(model, dtype='float32')
    inputs = torch.randn(4, 3, generator=torch.manual_seed(0))
    optim.backward(model(inputs).square().mean())
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(inputs).square().mean().backward()
    wanted = [p.grad for p in model.parameters()]
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_gradients_are_shown_unscaled_and_not_yet_clipped():
    model = nn.Linear(1, 1)
    optim = wrapper(model, dtype='float32', clip_grad=dict(max_norm=0.1))
    optim.loss_scaler = CountingScaler(8.0)
    seen = []
    optim.before_step = lambda: seen.append(model.weight.grad.item())
    optim.update_params(model(torch.full((1, 1), 3.0)).sum())
    assert seen == [3.0]


def test_new_optimizers_can_be_run_fused():
    """As on CUDA, where fused optimizers read found_inf on the device."""
    states = []
    for fused in (True, False):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        if fused:
            module.run_fused(optimizer)
            assert optimizer.param_groups[0]['fused'] is True
        optim = AutocastOptimWrapper(optimizer, dtype='float32')
        for _ in range(3):
            optim.update_params(model(torch.ones(2, 4)).square().mean())
        states.append((model, optim))
    torch.testing.assert_close(states[0][0].weight, states[1][0].weight)
    # States are interchangeable; the implementation is kept.
    for (_, source), (_, target) in (states, states[::-1]):
        own = target.optimizer.param_groups[0]['fused']
        target.load_state_dict(source.state_dict())
        assert target.optimizer.param_groups[0]['fused'] is own
    # With its attributes set it reads found_inf.
    model, optim = states[0]
    before = model.weight.clone()
    optim.optimizer.found_inf = torch.tensor(1.0)
    optim.update_params(model(torch.ones(2, 4)).square().mean())
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize('options', [dict(foreach=True), dict(foreach=False)])
def test_optimizer_settings_of_a_config_are_used(options):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.AdamW(model.parameters(), **options)
    module.run_fused(optimizer)
    assert optimizer.param_groups[0]['fused'] is None
    other = torch.optim.RMSprop(model.parameters())
    module.run_fused(other)
    assert 'fused' not in other.param_groups[0]
