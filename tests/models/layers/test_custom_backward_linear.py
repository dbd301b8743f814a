import pytest
import torch
from torch import nn

from mixmae.models.layers.custom_backward import (
    linear_of_gelu,
    linear_of_norm,
)
from mixmae.profiling.memory import ActivationMemory

IN, OUT = 12, 20


class Pair(nn.Module):
    """A norm or GELU and the linear layer after it."""

    def __init__(self, kind: str, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind = kind
        self.before = nn.LayerNorm(IN, eps=1e-6) if kind == 'norm' else None
        self.linear = nn.Linear(IN, OUT, bias)
        for parameter in self.parameters():
            nn.init.normal_(parameter)

    def forward(self, x, recompute):
        if self.kind == 'norm':
            if recompute:
                return linear_of_norm(x, self.before, self.linear)
            return self.linear(self.before(x))
        if recompute:
            return linear_of_gelu(x, self.linear)
        return self.linear(nn.functional.gelu(x))


def outcome(pair, x, recompute, autocast=False):
    pair.zero_grad()
    x = x.clone().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        out = pair(x, recompute)
    torch.manual_seed(1)
    out.backward(torch.randn_like(out))
    return [out.detach(), x.grad, *(p.grad for p in pair.parameters())]


@pytest.mark.parametrize('kind', ['norm', 'gelu'])
@pytest.mark.parametrize('bias', [True, False])
def test_equals_autograd(kind, bias):
    pair = Pair(kind, bias).double()
    x = torch.randn(2, 3, 5, IN).double()
    for ours, wanted in zip(
        outcome(pair, x, True), outcome(pair, x, False), strict=True
    ):
        torch.testing.assert_close(ours, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ('kind', 'dtype'),
    [
        ('norm', torch.float32),
        ('norm', torch.bfloat16),
        ('gelu', torch.bfloat16),
    ],
)
def test_autocast(kind, dtype):
    """Residual streams of both dtypes; parameter gradients are float32."""
    pair = Pair(kind)
    x = torch.randn(4, 3, IN).to(dtype)
    for ours, wanted in zip(
        outcome(pair, x, True, True),
        outcome(pair, x, False, True),
        strict=True,
    ):
        assert ours.dtype == wanted.dtype
        error = (ours.float() - wanted.float()).norm() / wanted.float().norm()
        assert error < 0.01, error


@pytest.mark.parametrize('kind', ['norm', 'gelu'])
def test_only_the_input_is_saved(kind):
    pair = Pair(kind)
    x = torch.randn(2, 50, IN, requires_grad=True)
    statistics = 2 * 4 * 100 if kind == 'norm' else 0
    with ActivationMemory(pair) as saved:
        pair(x, recompute=True)
    assert saved.total == x.nbytes + statistics
    with ActivationMemory(pair) as saved:
        pair(x, recompute=False)
    assert saved.total == 2 * x.nbytes + statistics
