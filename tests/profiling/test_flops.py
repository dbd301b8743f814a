"""FLOP counts, compared with counts by hand."""

import copy

import pytest
import torch
from torch import nn

from mixmae.profiling.flops import (
    training_flops,
    without_values,
)
from mixmae.registry import MODELS
from tests.models.parts import TINY_PVT, TINY_TWINS, tiny_model


def blocks(depth, dims, tokens, pairs):
    """Return multiply-adds of transformer blocks with MLP ratio 4."""
    return depth * (12 * dims**2 * tokens + 2 * tokens * pairs * dims)


def decoding(depth, dims, tokens):
    """Of both sequences of an image; the last MLP is for half of their tokens.

    A cell is decoded twice, and asked for once.
    """
    return 2 * blocks(depth, dims, tokens, tokens) - 8 * dims**2 * tokens


def by_hand() -> float:
    """Return forward and backward of ``tiny_model`` on 64x64 pixels."""
    patches = 32 * 32 * 12 * 8
    encoder = (
        blocks(1, 8, 1024, 64)
        + 256 * 32 * 16
        + blocks(1, 16, 256, 64)
        + 64 * 64 * 32
        + blocks(2, 32, 64, 64)
        + 16 * 128 * 64
        + blocks(1, 64, 16, 16)
    )
    decoder = 16 * 64 * 32 + decoding(1, 32, 16) + 16 * 32 * 768
    return 2 * (2 * patches + 3 * (encoder + decoder))


def test_a_count_by_hand():
    """Exact; the patch embedding passes no gradient on."""
    assert training_flops(tiny_model(), (3, 64, 64)) == by_hand()


@pytest.mark.parametrize(
    'backbone', [{'with_cp': True}, {'sort_groups': False}]
)
def test_execution_settings_do_not_change_the_count(backbone):
    model = tiny_model(backbone=backbone)
    assert training_flops(model, (3, 64, 64)) == by_hand()


def test_frozen_parts_count_less():
    """No weight gradients; with a frozen encoder, no backward pass at all."""
    model = tiny_model()
    whole = training_flops(model, (3, 64, 64))
    model.backbone.requires_grad_(False)
    assert training_flops(model, (3, 64, 64)) < 0.6 * whole
    model.requires_grad_(False)
    forward = training_flops(model, (3, 64, 64))
    assert 3 * forward == whole + 2 * 32 * 32 * 12 * 8


@pytest.mark.parametrize('tiny', [TINY_PVT, TINY_TWINS])
def test_reduced_keys_in_any_order(tiny):
    """Keys of a whole image are counted, sorted or not."""
    counts = {
        training_flops(tiny_model(tiny=tiny, backbone=backbone), (3, 64, 64))
        for backbone in ({}, {'sort_groups': False})
    }
    assert len(counts) == 1


def test_published_figure():
    """Swin-B: 19.0 G multiply-adds per forward pass at 224."""
    config = {
        'type': 'MaskedImageModel',
        'data_preprocessor': {
            'type': 'MaskingDataPreprocessor',
            'mean': [0.0] * 3,
            'std': [1.0] * 3,
            'masking': {'type': 'RandomMasking'},
        },
        'backbone': {'type': 'MIMSwin', 'arch': 'base'},
        'neck': {
            'type': 'MixMAENeck',
            'in_channels': 1024,
            'decoder': {'embed_dims': 512, 'depth': 8, 'num_heads': 16},
        },
        'head': {'type': 'DualReconstructionHead'},
    }
    with torch.device('meta'):
        model = MODELS.build(config)
    patches = 3136 * 48 * 128
    backbone = (
        patches
        + blocks(2, 128, 3136, 196)
        + blocks(2, 256, 784, 196)
        + blocks(18, 512, 196, 196)
        + blocks(2, 1024, 49, 49)
        + 3 * 784 * 512 * 256
    )
    assert backbone / 1e9 == pytest.approx(16.32, abs=0.005)
    decoder = 49 * 1024 * 512 + decoding(8, 512, 49) + 49 * 512 * 3072
    flops = training_flops(model, (3, 224, 224))
    assert flops == 2 * (3 * (backbone + decoder) - patches)
    # Those 19.0 G have all predictions of both sequences, of which half
    # are thrown away.
    assert flops / 6e9 == pytest.approx(19.0, rel=0.012)


def test_no_tensor_values_are_needed():
    model = tiny_model()
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    training_flops(model, (3, 64, 64))
    assert torch.equal(torch.get_rng_state(), state)
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.is_meta for p in without_values(model).parameters())
    assert not any(p.is_meta for p in model.parameters())


def test_other_networks():
    """Counted as executed, including products of activations."""

    class Gram(nn.Module):
        def forward(self, x):
            return x @ x.transpose(1, 2)

    class Foreign(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 2, stride=2)
            self.gram = Gram()

        def forward(self, inputs, mode):
            return self.gram(self.conv(inputs).flatten(2))

    pixels = 4 * 4
    conv, gram = pixels * 12 * 4, 4 * pixels * 4
    expected = 2 * (2 * conv + 3 * gram)
    assert training_flops(Foreign(), (3, 8, 8)) == expected


def test_images_that_do_not_fit():
    with pytest.raises(ValueError, match=r'images of shape \(3, 60, 60\)'):
        training_flops(tiny_model(), (3, 60, 60))
