import pytest
import torch

from mixmae.models.layers import biased_attention as module
from mixmae.models.layers.biased_attention import (
    Part,
    biased_attention,
    biases,
)
from mixmae.profiling.activation_memory import SavedBytes

IMAGES, WINDOWS, TOKENS, HEADS, DIMS, OFFSETS = 3, 4, 10, 2, 4, 30
# Places in the raster of the full window, which is larger than the tokens.
PLACES = 14
LAYOUTS = [
    'whole',
    'clamped',
    'two parts',
    'parts by window',
    'one mask',
    'mask per image',
    'gathered',
]


def by_autograd(qkv, rows, index, parts, allow=None):
    """The same written out, every score matrix kept."""
    out = torch.empty_like(qkv[:, :, :, 0])
    for tokens, positions, windows in parts:
        here = qkv[:, windows][:, :, tokens]
        pairs = index
        if positions is not None:
            pairs = index[positions[:, None], positions]
        query, key, value = here.permute(3, 0, 1, 4, 2, 5)
        scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
        scores = scores + biases(rows, pairs)
        if allow is not None:
            scores = scores.masked_fill(~allow[:, :, None], -torch.inf)
        mixed = (scores.softmax(-1) @ value).transpose(2, 3)
        out[:, windows, tokens] = mixed
    return out.flatten(3)


def case(layout, dtype=torch.float64):
    """Inputs and a gradient of the output."""
    torch.manual_seed(0)
    qkv = torch.randn(IMAGES, WINDOWS, TOKENS, 3, HEADS, DIMS).to(dtype)
    rows = torch.randn(OFFSETS, HEADS).to(dtype)
    pairs = (IMAGES, WINDOWS, TOKENS, TOKENS)
    index = torch.randint(
        OFFSETS, pairs if layout == 'gathered' else (PLACES, PLACES)
    )
    if layout not in ('gathered', 'clamped', 'two parts', 'parts by window'):
        index = index[:TOKENS, :TOKENS].clone()
    positions = torch.randperm(PLACES)[:TOKENS]
    parts = [Part()]
    if layout == 'clamped':
        parts = [Part(positions=positions)]
    elif layout == 'two parts':
        parts = [
            Part(slice(4), positions[:4]),
            Part(slice(4, TOKENS), positions[4:]),
        ]
    elif layout == 'parts by window':
        parts = []
        for window in range(WINDOWS):
            for tokens in torch.randperm(TOKENS).tensor_split([3 + window]):
                here = slice(window, window + 1)
                parts.append(Part(tokens, positions[tokens], here))
    allow = None
    if layout in ('one mask', 'mask per image', 'gathered'):
        images = 1 if layout == 'one mask' else IMAGES
        allow = torch.rand(images, WINDOWS, TOKENS, TOKENS) > 0.5
        allow |= torch.eye(TOKENS, dtype=torch.bool)
    grad = torch.randn(IMAGES, WINDOWS, TOKENS, HEADS * DIMS).to(dtype)
    return (
        qkv.requires_grad_(),
        rows.requires_grad_(),
        index,
        parts,
        allow,
    ), grad


def outcome(function, inputs, grad):
    out = function(*inputs)
    return out.detach(), *torch.autograd.grad(out, inputs[:2], grad)


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('tile', [1 << 18, 1000, 500, 1])
def test_equals_autograd(monkeypatch, layout, tile):
    """Tiles of all images, of some, of single windows."""
    monkeypatch.setattr(module, '_CACHED', tile)
    inputs, grad = case(layout)
    wanted = outcome(by_autograd, inputs, grad)
    for ours, theirs in zip(
        outcome(biased_attention, inputs, grad), wanted, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_bfloat16_is_as_near_as_its_rounding(layout):
    inputs, grad = case(layout, torch.bfloat16)
    exact = outcome(by_autograd, case(layout)[0], grad.double())
    for ours, wanted in zip(
        outcome(biased_attention, inputs, grad), exact, strict=True
    ):
        assert ours.dtype == torch.bfloat16
        error = (ours.double() - wanted).norm() / wanted.norm()
        assert error < 0.015, error


def test_scores_are_not_kept():
    inputs, grad = case('whole', torch.float32)
    with SavedBytes(torch.nn.Module()) as saved:
        biased_attention(*inputs)
    shapes = [origin.split(')')[0] for origin in saved.origins]
    kept = inputs[0].nbytes + grad.nbytes
    table = inputs[1].nbytes + inputs[2].nbytes
    assert saved.total == kept + table, shapes


def test_it_cannot_be_differentiated_twice():
    inputs, grad = case('whole')
    out = biased_attention(*inputs)
    [first] = torch.autograd.grad(
        out, inputs[:1], grad.requires_grad_(), create_graph=True
    )
    with pytest.raises(RuntimeError, match='once_differentiable'):
        first.sum().backward()
