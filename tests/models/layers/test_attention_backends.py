import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from mixmae.models.layers import attention_cpu_tiled
from mixmae.models.layers.attention import WindowAttention
from mixmae.models.layers.attention_backends import (
    BACKENDS,
    SCORES,
    attend,
    attend_all,
    choose_backend,
)
from mixmae.models.layers.attention_layout import SortedTokens, Windows
from mixmae.models.layers.log_coordinate_bias import LogCoordinateBias
from mixmae.models.layers.position_bias import RelativePositionBias
from mixmae.models.layers.swin_stage import SwinStage
from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask

CPU, GPU = torch.device('cpu'), torch.device('cuda')
IMAGES, HEADS = 3, 2


def layouts():
    """Return one layout of each kind, for a window of 4."""
    torch.manual_seed(0)
    groups = AttentionGroups(random_mask(96, 80))
    per_image = AttentionGroups(random_mask(96, 80, batch=IMAGES))
    small = AttentionGroups(random_mask(64, 64))
    order = small.order(4, 4)
    assert order is not None
    places = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    steps = torch.randint(2, (IMAGES, 8, 8, 2))
    coords = (2 * places.view(1, 8, 8, 2) + steps).float()
    return {
        'windows': Windows((8, 8), 4),
        'groups and padding': Windows((6, 5), 4, groups=groups),
        'groups by image': Windows((6, 5), 4, groups=per_image),
        'shifted': Windows((8, 8), 4, shift=2),
        'shifted groups by image': Windows(
            (6, 5), 4, shift=2, groups=per_image
        ),
        'clamped': Windows((2, 4), 4),
        'visible padding': Windows((6, 5), 4, mask_padding=False),
        'sorted': SortedTokens((4, 4), 4, order),
        'gathered': Windows((8, 8), 4, coords=coords),
        'gathered and shifted': Windows((8, 8), 4, shift=2, coords=coords),
    }


GATHERED = ('gathered', 'gathered and shifted')
DENSE = [name for name in layouts() if name not in GATHERED]


@pytest.mark.parametrize('split', [False, True])
@pytest.mark.parametrize(
    ('name', 'images'),
    [(name, IMAGES) for name in layouts()]
    + [(name, 1) for name in DENSE if 'by image' not in name],
)
def test_backends_agree(monkeypatch, name, images, split):
    """Output and all gradients of the whole module."""
    tokens = 1 if split else 1000
    monkeypatch.setattr(attention_cpu_tiled, '_MIN_TOKENS', tokens)
    monkeypatch.setattr(attention_cpu_tiled, '_MAX_SHARE', 1)
    layout = layouts()[name]
    bias_dims = 8 if name in GATHERED else None
    attention = WindowAttention(8, HEADS, 4, bias_dims=bias_dims).double()
    x = layout.partition(torch.randn(images, *layout.grid, 8).double())
    results = []
    for scores in ('kept', 'recomputed'):
        attention.scores = scores
        attention.zero_grad()
        tokens = x.clone().requires_grad_()
        out = attention(tokens, layout)
        out.square().sum().backward()
        grads = [p.grad for p in attention.parameters()]
        results.append([out, tokens.grad, *grads])
    for kept, recomputed in zip(*results, strict=True):
        torch.testing.assert_close(kept, recomputed, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('name', layouts())
def test_each_token_attends_to_its_segment(name):
    """A value reaches only the outputs that the layout names."""
    layout = layouts()[name]
    mask = layout.attention_mask
    x = layout.partition(torch.randn(IMAGES, *layout.grid, 8).double())
    images, windows, tokens, _ = x.shape
    if mask is None:
        sizes = layout.segments or (tokens,)
        mask = torch.block_diag(*(torch.ones(n, n) for n in sizes)).bool()
    mask = mask.expand(images, windows, tokens, tokens)
    kind = LogCoordinateBias if name in GATHERED else RelativePositionBias
    bias = kind(4, HEADS).double()
    qkv = torch.randn(images, windows, tokens, 3, HEADS, 4).double()
    for scores in ('kept', 'recomputed'):
        for changed in range(tokens):
            values = qkv.clone()
            values[:, :, changed, 2] += 1
            before, after = (
                torch.cat(attend(y, bias, layout, scores), dim=2)
                for y in (qkv, values)
            )
            reached = (after != before).any(-1)
            assert torch.equal(reached, mask[..., changed]), scores


@pytest.mark.parametrize('name', DENSE)
def test_no_bias_is_a_bias_of_zero(name):
    layout = layouts()[name]
    bias = RelativePositionBias(4, HEADS).double()
    nn.init.zeros_(bias.table)
    x = layout.partition(torch.randn(IMAGES, *layout.grid, 8).double())
    qkv = torch.randn(*x.shape[:3], 3, HEADS, 4).double()
    torch.testing.assert_close(
        torch.cat(attend(qkv, None, layout), dim=2),
        torch.cat(attend(qkv, bias, layout), dim=2),
    )


class Subclass(RelativePositionBias):
    """Subclass that might compute something else."""


def test_choice_of_the_backend():
    bias = RelativePositionBias(4, HEADS)
    wanted = {
        (CPU, 'auto'): 'cpu_tiled',
        (CPU, 'kept'): 'sdpa',
        (CPU, 'recomputed'): 'cpu_tiled',
        (GPU, 'auto'): 'sdpa',
        (GPU, 'kept'): 'sdpa',
        (GPU, 'recomputed'): 'cpu_tiled',
    }
    assert set(wanted.values()) == BACKENDS.keys()
    assert {scores for _, scores in wanted} == set(SCORES)
    for (device, scores), backend in wanted.items():
        qkv = tokens_on(device)
        for plain in (bias, LogCoordinateBias(4, HEADS)):
            assert choose_backend(qkv, plain, scores) == backend
        assert choose_backend(qkv.bfloat16(), None, scores) == backend
        # Where PyTorch's kernel is as fast, or cpu_tiled would not call what
        # must be called.
        for other in (None, Subclass(4, HEADS)):
            assert choose_backend(qkv, other, scores) == 'sdpa'
        with torch.no_grad():
            assert choose_backend(qkv, bias, scores) == 'sdpa'
    handle = bias.register_forward_hook(lambda *_: None)
    assert choose_backend(tokens_on(CPU), bias) == 'sdpa'
    handle.remove()
    assert choose_backend(tokens_on(CPU), bias) == 'cpu_tiled'


def tokens_on(device):
    with FakeTensorMode():
        return torch.empty(1, 1, 4, 3, HEADS, 4, device=device)


def test_all_tokens_in_16_bits():
    """Output and gradients are those of float32, to the type's precision."""
    # More sequences than fit in one tile.
    exact = torch.randn(70, 45, 3, HEADS, 8, requires_grad=True)
    rounded = exact.detach().bfloat16().requires_grad_()
    grad = torch.randn(70, 45, 8 * HEADS)
    assert choose_backend(rounded, None) == 'cpu_tiled'
    wanted, found = attend_all(exact), attend_all(rounded)
    wanted.backward(grad)
    found.backward(grad.bfloat16())
    for a, b in ((wanted, found), (exact.grad, rounded.grad)):
        assert b.dtype == torch.bfloat16
        assert (a - b).abs().max() < 0.02 * a.abs().max()
        assert (a - b).norm() < 0.01 * a.norm()
    with torch.no_grad():
        torch.testing.assert_close(
            attend_all(rounded), found, rtol=0.02, atol=0.02
        )


def test_segments_are_computed_once_for_all_blocks(monkeypatch):
    calls = []
    original = attention_cpu_tiled.split_by_id

    def counted(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(attention_cpu_tiled, 'split_by_id', counted)
    groups = AttentionGroups(random_mask(96, 64))
    stage = SwinStage(8, 3, HEADS, 4, downsample=False)
    stage(torch.randn(2, 6, 4, 8), groups).sum().backward()
    assert len(calls) == 1
    stage(torch.randn(2, 6, 4, 8), groups)
    assert len(calls) == 2
