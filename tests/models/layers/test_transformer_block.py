import pytest
import torch
from torch import nn

from mixmae.models.layers.attention import SelfAttention
from mixmae.models.layers.transformer_block import DropPath, TransformerBlock
from mixmae.profiling.memory import ActivationMemory


def block(with_cp=False) -> TransformerBlock:
    torch.manual_seed(0)
    return TransformerBlock(8, SelfAttention(8, 2), with_cp=with_cp)


@pytest.mark.parametrize(
    ('with_cp', 'most'),
    # Of 16 C without norms (2 C) and GELU (4 C), nor the MLP's hidden
    # channels (4 C), and of the input alone.
    [('pointwise', 0.68), ('mlp', 0.43), (True, 0.15)],
)
def test_recomputing_changes_memory_only(with_cp, most):
    results, kept = [], []
    for setting in (False, with_cp):
        part = block(setting).double()
        x = torch.randn(3, 10, 8).double().requires_grad_()
        with ActivationMemory(part) as saved:
            out = part(x)
        kept.append(saved.total)
        out.square().sum().backward()
        grads = [p.grad for p in part.parameters()]
        results.append([out, x.grad, *grads])
    for plain, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)
    assert kept[1] < most * kept[0]


def test_nothing_is_recomputed_without_gradients():
    part = block('pointwise').eval()
    x = torch.randn(2, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(part(x), block().eval()(x), rtol=0, atol=0)


def test_unknown_settings():
    with pytest.raises(
        ValueError, match="with_cp must be.*'pointwise'.*'some'"
    ):
        block('some')
    with pytest.raises(ValueError, match='with_cp must be.*1'):
        block(1)


class Doubled(nn.Linear):
    """Linear layer whose output is not that of its weight."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize('with_cp', ['pointwise', 'mlp'])
def test_replaced_parts_are_called(with_cp):
    part = block(with_cp).train()
    part.attn.qkv = Doubled(8, 24)
    part.mlp.fc2 = Doubled(32, 8)
    part.mlp.act = nn.ReLU()
    x = torch.randn(2, 5, 8)
    with torch.no_grad():
        wanted = part(x)
    torch.testing.assert_close(part(x), wanted)


def test_hooks_are_called():
    part = block('pointwise').train()
    called = []
    for one in (part.norm1, part.mlp.act):
        one.register_forward_hook(lambda module, *_: called.append(module))
    part(torch.randn(2, 5, 8))
    assert called == [part.norm1, part.mlp.act]


@pytest.mark.parametrize('frozen', ['norm1', 'attn.qkv', 'mlp.fc2', 'input'])
def test_frozen_parts_get_no_gradient_and_affect_no_other(frozen):
    grads = []
    for with_cp in (False, 'pointwise'):
        part = block(with_cp).double()
        x = torch.ones(2, 5, 8).double().cumsum(1)
        x.requires_grad_(frozen != 'input')
        if frozen != 'input':
            part.get_submodule(frozen).requires_grad_(False)
        part(x).square().sum().backward()
        grads.append([x.grad, *(p.grad for p in part.parameters())])
    for plain, ours in zip(*grads, strict=True):
        assert (plain is None) == (ours is None)
        if plain is not None:
            torch.testing.assert_close(ours, plain)


def test_random_parts_are_recomputed_with_the_same_draws():
    part = block('mlp').train()
    part.mlp.act = nn.Dropout(0.5)
    x = torch.randn(4, 5, 8, requires_grad=True)
    torch.manual_seed(3)
    [ours] = torch.autograd.grad(part(x).square().sum(), x)
    part.with_cp = False
    torch.manual_seed(3)
    [wanted] = torch.autograd.grad(part(x).square().sum(), x)
    torch.testing.assert_close(ours, wanted)


def test_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    out = DropPath(0.25)(torch.ones(4000, 2, 3))
    assert all(len(image.unique()) == 1 for image in out[:50])
    values = out.unique().tolist()
    assert values == pytest.approx([0, 4 / 3])
    # 4,000 draws: three standard deviations are 0.027.
    assert out.mean().item() == pytest.approx(1, abs=0.03)


def test_nothing_happens_in_eval_mode():
    x = torch.randn(3, 2)
    assert torch.equal(DropPath(0.5).eval()(x), x)


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match=str(rate)):
        DropPath(rate)
