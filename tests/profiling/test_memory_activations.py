import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mixmae.profiling.memory import ActivationMemory


def test_counts_each_storage_once_and_no_parameters():
    """A linear layer saves its input; views of one storage count once."""
    layer, x = nn.Linear(8, 4), torch.randn(5, 8, requires_grad=True)
    with ActivationMemory(layer) as saved:
        y = layer(x)
        assert saved.total == 5 * 8 * 4
        z = layer(x.view(8, 5).view(5, 8))
    assert saved.total == 5 * 8 * 4
    # The product keeps both factors.
    with ActivationMemory(layer) as saved:
        product = y * z
    assert saved.total == 2 * 5 * 4 * 4
    product.sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_gradients_are_those_without_hooks():
    model = nn.Sequential(nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 1))
    x = torch.randn(3, 4)
    model(x).sum().backward()
    wanted = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    with ActivationMemory(model):
        loss = model(x).sum()
    loss.backward()
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_a_view_keeps_its_whole_storage():
    layer = nn.Linear(8, 4)
    with ActivationMemory(layer) as saved:
        layer(torch.randn(100, 8, requires_grad=True)[:5])
    assert saved.total == 100 * 8 * 4


def test_copies_of_parameters_count():
    layer, x = nn.Linear(8, 4, bias=False), torch.randn(5, 8).bfloat16()
    with (
        ActivationMemory(layer) as saved,
        torch.autocast('cpu', torch.bfloat16),
    ):
        layer(x.requires_grad_())
    assert saved.total == 5 * 8 * 2 + 8 * 4 * 2


def test_the_origin_of_a_tensor_is_recorded():
    from mixmae.models.layers.transformer_block import MLP

    mlp = MLP(8)
    with ActivationMemory(mlp) as saved:
        mlp(torch.randn(2, 8))
    (first, size), *_ = saved.origins.most_common()
    # Of GELU the input and the output.
    assert size == 2 * 2 * 32 * 4
    assert first.startswith('(2, 32) float32 transformer_block.py:')
    assert sum(saved.origins.values()) == saved.total


class Cube(torch.autograd.Function):
    """Operation that saves its input and a byte tensor."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, (x > 0).to(torch.int8))
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        x, _ = ctx.saved_tensors
        return 3 * gradient * x**2


def test_custom_functions_count():
    x = torch.randn(3, 5, requires_grad=True)
    with ActivationMemory(nn.Identity()) as saved:
        cube = Cube.apply(x)
    assert saved.total == 3 * 5 * (4 + 1)
    cube.sum().backward()
    torch.testing.assert_close(x.grad, 3 * x.detach() ** 2)


def test_recomputed_parts_save_their_input_only():
    layers = nn.Sequential(nn.Linear(4, 64), nn.GELU(), nn.Linear(64, 4))
    x = torch.randn(6, 4, requires_grad=True)
    for reentrant in (False, True):
        with ActivationMemory(layers) as saved:
            out = checkpoint(layers, x, use_reentrant=reentrant)
        assert saved.total == 6 * 4 * 4
        out.sum().backward()


def test_nothing_is_saved_without_gradients():
    layer = nn.Linear(4, 4)
    with ActivationMemory(layer) as saved, torch.no_grad():
        layer(torch.randn(2, 4))
    assert saved.total == 0
