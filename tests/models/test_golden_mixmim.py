"""MixMAE, compared with official figures in float64."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from mixmae.checkpoints import from_official_mixmim
from mixmae.models.layers.position_bias import RelativePositionBias
from mixmae.registry import MODELS
from mixmae.structures import CellMask
from tests.contracts.golden_contract import GoldenContract, ends
from tests.golden import formula

GOLDEN = formula.figures('mixmim')
ARCH = GOLDEN['arch']


def backbone_config(**changes) -> dict:
    keys = ('embed_dims', 'depths', 'num_heads')
    return {
        'type': 'MIMSwin',
        'arch': {key: ARCH[key] for key in keys},
        'img_size': ARCH['img_size'],
        'window_sizes': ARCH['window_sizes'],
        'norm_eps': ARCH['layer_norm_eps'],
        **changes,
    }


def build(
    backbone: dict | None = None,
    norm_eps: float = 1e-5,
    norm_pixels: bool = True,
) -> nn.Module:
    """Return the pretraining model with the golden weights, float64."""
    model = MODELS.build(
        {
            'type': 'MaskedImageModel',
            'data_preprocessor': {
                'type': 'MaskingDataPreprocessor',
                'mean': [0.0] * 3,
                'std': [1.0] * 3,
            },
            'backbone': backbone or backbone_config(norm_eps=norm_eps),
            'neck': {
                'type': 'MixMAENeck',
                'in_channels': 128,
                'decoder': dict(ARCH['decoder'], norm_eps=norm_eps),
            },
            'head': {
                'type': 'DualReconstructionHead',
                'norm_pixels': norm_pixels,
            },
        }
    ).double()
    state, report = from_official_mixmim(formula.weights(GOLDEN['parameters']))
    assert report.complete
    model.load_state_dict(state, strict=True)
    return model


def golden_mask() -> CellMask:
    hidden = torch.zeros(49, dtype=torch.bool)
    hidden[GOLDEN['hidden_cells']] = True
    return CellMask(hidden.view(1, 7, 7), cell=32)


def run(model: nn.Module) -> dict:
    """Return loss, latent, prediction and gradient norms by official names."""
    mask = golden_mask()
    images = formula.images('images', GOLDEN['batch'], ARCH['img_size'])
    visible = model.neck.hide(model.backbone.embed(images), mask)
    latent = model.backbone.encode(*visible)
    prediction = model.neck.completions(latent, mask)
    loss = model.loss(images, mask)['loss']
    loss.backward()
    _, report = from_official_mixmim(formula.weights(GOLDEN['parameters']))
    parameters = dict(model.named_parameters())
    gradients = {
        old: parameters[new].grad for old, new in report.renamed.items()
    }
    return {
        'loss': loss.item(),
        'latent': latent.detach().flatten(1, 2),
        'prediction': prediction.detach(),
        'grad_norm': {
            name: 0.0 if grad is None else grad.norm().item()
            for name, grad in gradients.items()
        },
    }


def _without_tables(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, RelativePositionBias):
            part.table.data.zero_()


def _swapped_positions(model: nn.Module) -> None:
    backbone = model.backbone
    positions = backbone.positions
    positions.table = positions.table.transpose(0, 1).contiguous()


def _everybody_meets(model: nn.Module) -> None:
    hide = model.neck.hide
    model.neck.hide = lambda *inputs: hide(*inputs)._replace(groups=None)


# The name in the figures, how to build it, how to spoil it.
MUTANTS = {
    'eps 1e-6': ({'norm_eps': 1e-6}, None),
    'no bias tables': ({}, _without_tables),
    'xy swapped positions': ({}, _swapped_positions),
    'attention not masked': ({}, _everybody_meets),
    'no pixel norm': ({'norm_pixels': False}, None),
}


class TestMixMIM(GoldenContract):
    golden = GOLDEN
    mutants = MUTANTS
    variants: ClassVar[dict] = {
        'sorted': {'backbone': backbone_config(sort_groups=True)},
        'plain': {'backbone': backbone_config(sort_groups=False)},
    }

    build = staticmethod(build)
    run = staticmethod(run)


@pytest.mark.parametrize('size', [224, 384])
def test_finetuning_features(size):
    """Pooled features, at 384 with bicubic tables and positions."""
    wanted = GOLDEN[f'finetune{size}']
    windows = wanted['window_sizes']
    backbone = MODELS.build(backbone_config(window_sizes=windows)).double()
    state, _ = from_official_mixmim(formula.weights(GOLDEN['parameters']))
    prefix = 'backbone.'
    backbone.load_state_dict(
        {
            key.removeprefix(prefix): value
            for key, value in state.items()
            if key.startswith(prefix)
        },
        strict=True,
    )
    images = formula.images(f'images{size}', wanted['batch'], size)
    with torch.no_grad():
        pooled = backbone(images)[-1].mean((2, 3))
    assert pooled.norm().item() == pytest.approx(wanted['pooled_l2'], rel=1e-8)
    assert ends(pooled) == pytest.approx(wanted['pooled_ends'], rel=1e-8)
