"""Trainable parameters, equal to those of the official networks."""

import pytest
import torch

from mixmae.registry import MODELS

DECODER = {'embed_dims': 512, 'depth': 8, 'num_heads': 16}


def trainable(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def backbone(arch: str, windows=(14, 14, 14, 7)) -> torch.nn.Module:
    with torch.device('meta'):
        return MODELS.build(
            {'type': 'MIMSwin', 'arch': arch, 'window_sizes': windows}
        )


# Official networks, with their classifier of 1,000 classes on top; windows of
# 16, 16, 24, 12 belong to 384 pixels.
@pytest.mark.parametrize(
    ('arch', 'windows', 'count'),
    [
        ('base', (14, 14, 14, 7), 87_942_944),
        ('base', (16, 16, 24, 12), 88_397_792),
        ('large', (14, 14, 14, 7), 196_794_556),
        ('large', (16, 16, 24, 12), 197_476_828),
        ('huge', (14, 14, 14, 7), 658_158_786),
    ],
)
def test_classifier(arch, windows, count):
    encoder = backbone(arch, windows)
    classifier = 1000 * (encoder.num_features[-1] + 1)
    assert trainable(encoder) + classifier == count


@pytest.mark.parametrize(
    ('arch', 'count'), [('base', 114_239_288), ('large', 222_841_044)]
)
def test_pretraining_model(arch, count):
    encoder = backbone(arch)
    with torch.device('meta'):
        neck = MODELS.build(
            {
                'type': 'MixMAENeck',
                'in_channels': encoder.num_features[-1],
                'decoder': DECODER,
            }
        )
    assert trainable(encoder) + trainable(neck) == count
