import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mixmae.models.layers.attention import SelfAttention
from mixmae.models.layers.custom_backward import (
    is_plain,
    keeps_forward,
    takes_custom_backward,
)
from mixmae.models.layers.transformer_block import MLP, TransformerBlock
from mixmae.profiling.memory import ActivationMemory


class Sub(nn.Linear):
    pass


class Traced(torch.Tensor):
    """Tensor subclass with arbitrary operations."""


def block(with_cp='pointwise') -> TransformerBlock:
    torch.manual_seed(0)
    return TransformerBlock(8, SelfAttention(8, 2), with_cp=with_cp)


def test_is_plain_needs_the_exact_type():
    assert is_plain(nn.Linear(2, 2), nn.Linear)
    assert is_plain(MLP(2), MLP)
    assert not is_plain(MLP(2), nn.Linear)
    assert not is_plain(Sub(2, 2), nn.Linear)
    assert not is_plain(nn.Sequential(), nn.Module)
    # A copy is as plain as what it was made of.
    assert is_plain(copy.deepcopy(nn.Linear(2, 2)), nn.Linear)


def test_kinds_of_tensors():
    linear = nn.Linear(2, 2)
    assert is_plain(linear.half().requires_grad_(False), nn.Linear)
    linear.bias = None
    assert is_plain(linear, nn.Linear)
    other = linear.weight.data.as_subclass(Traced)
    linear.weight = nn.Parameter(other)
    assert not is_plain(linear, nn.Linear)


def test_methods_of_classes(monkeypatch):
    part = block()
    with monkeypatch.context() as patch:
        patch.setattr(nn.Linear, 'forward', lambda self, x: x)
        assert not is_plain(part.mlp.fc1, nn.Linear)
        assert is_plain(part.norm1, nn.LayerNorm)
    with monkeypatch.context() as patch:
        patch.setattr(SelfAttention, 'forward', lambda self, x: 0 * x)
        part(torch.ones(1, 3, 8))
    with monkeypatch.context() as patch:
        # As torch.fx does while it traces.
        patch.setattr(nn.Module, '__call__', lambda self, *x: None)
        assert not is_plain(part.norm1, nn.LayerNorm)
    assert is_plain(part.mlp.fc1, nn.Linear)


def test_compiled_modules():
    linear = nn.Linear(2, 2)
    linear.compile(backend='eager')
    assert not is_plain(linear, nn.Linear)


def test_forward_of_an_instance():
    part = block()
    assert keeps_forward(part, TransformerBlock)
    part.register_forward_hook(lambda *_: None)
    assert keeps_forward(part, TransformerBlock)
    part.forward = lambda x: x
    assert not keeps_forward(part, TransformerBlock)


def test_parts_without_the_attributes_of_a_mlp():
    part = block()
    part.mlp, part.attn = nn.Identity(), nn.Identity()
    x = torch.randn(2, 3, 8)
    once = x + part.norm1(x)
    torch.testing.assert_close(part(x), once + part.norm2(once))


def test_norms_without_weights():
    part = block()
    part.norm1 = nn.LayerNorm(8, elementwise_affine=False)
    part.norm2 = nn.LayerNorm(8, bias=False)
    part(torch.randn(2, 3, 8)).sum().backward()


def test_other_derivatives():
    """torch.func and forward-mode derivatives, with default settings."""
    part, plain = block().double(), block(False).double()
    x, tangent = torch.randn(2, 2, 3, 8).double().unbind()

    def forward_mode(f):
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, tangent)
            return torch.autograd.forward_ad.unpack_dual(f(dual)).tangent

    # Fused attention of a CPU has no forward derivative.
    with sdpa_kernel(SDPBackend.MATH):
        for transform in (
            forward_mode,
            lambda f: torch.func.jvp(f, (x,), (tangent,))[1],
            lambda f: torch.func.grad(lambda y: f(y).square().sum())(x),
            lambda f: torch.func.vmap(lambda y: f(y[None]))(x),
        ):
            torch.testing.assert_close(transform(part), transform(plain))
    assert takes_custom_backward()


def test_traced_with_gradients():
    part, x = block(), torch.randn(2, 3, 8)
    traced = torch.jit.trace(part, x)
    torch.jit.save(traced, io.BytesIO())
    torch.testing.assert_close(traced(x), part(x))
    (grad,) = torch.autograd.grad(traced(x).sum(), traced.mlp.fc1.weight)
    (wanted,) = torch.autograd.grad(part(x).sum(), part.mlp.fc1.weight)
    torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize('hooked', ['mlp', 'attn'])
def test_a_hook_on_one_half_keeps_the_fast_path_of_the_other(hooked):
    kept = []
    for name in (None, hooked):
        part, x = block(), torch.randn(2, 50, 8)
        if name:
            part.get_submodule(name).register_forward_hook(lambda *_: None)
        with ActivationMemory(part) as saved:
            part(x)
        kept.append(saved.total)
    part = block(False)
    with ActivationMemory(part) as saved:
        part(x)
    assert kept[0] < kept[1] < saved.total
