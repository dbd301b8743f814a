"""UM-MAE's PVT, compared with official figures in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixmae.checkpoints.loading.official_weights import from_official_um_mae
from mixmae.models import NormedPooling
from mixmae.registry import MODELS
from tests.contracts.golden_contract import GoldenContract, ends
from tests.golden import formula
from tests.golden.um_mae import golden_mask

GOLDEN = formula.figures('ummae')['pvt']
ARCH = GOLDEN['arch']
STATE, REPORT = from_official_um_mae(formula.weights(GOLDEN['parameters']))


def backbone_config(**changes) -> dict:
    keys = ('embed_dims', 'depths', 'num_heads', 'mlp_ratios')
    return {
        'type': 'MIMPVT',
        'arch': {key: ARCH[key] for key in keys},
        'img_size': ARCH['img_size'],
        'sr_ratios': ARCH['sr_ratios'],
        'reduction': 'pool',
        'patch_norm': False,
        # QUIRK(UM-MAE): the norms inside the blocks have PyTorch's default.
        'block_norm_eps': 1e-5,
        'norm_eps': ARCH['layer_norm_eps'],
        **changes,
    }


def build(norm_eps: float = 1e-6, backbone: dict | None = None) -> nn.Module:
    """Return the pretraining model with the golden weights, float64."""
    model = MODELS.build(
        {
            'type': 'MaskedImageModel',
            'data_preprocessor': {
                'type': 'MaskingDataPreprocessor',
                'mean': [0.0] * 3,
                'std': [1.0] * 3,
            },
            'backbone': backbone_config(norm_eps=norm_eps, **(backbone or {})),
            'neck': {
                'type': 'UMMAENeck',
                'in_channels': ARCH['embed_dims'][-1],
                'token_channels': ARCH['embed_dims'][0],
                'decoder': {**ARCH['decoder'], 'norm_eps': norm_eps},
                'legacy_position_order': True,
            },
            'head': {'type': 'MaskedReconstructionHead'},
        }
    ).double()
    model.load_state_dict(STATE, strict=True)
    return model


def encoded(model: nn.Module) -> torch.Tensor:
    """Return the latent."""
    images = formula.images('images', GOLDEN['batch'], ARCH['img_size'])
    backbone = model.backbone
    with torch.no_grad():
        visible = model.neck.hide(
            backbone.embed(images),
            golden_mask(GOLDEN['batch']),
            backbone.embed_token,
        )
        return backbone.encode(*visible)


def run(model: nn.Module) -> dict:
    """Return loss, latent, prediction and gradient norms by official names."""
    mask = golden_mask(GOLDEN['batch'])
    images = formula.images('images', GOLDEN['batch'], ARCH['img_size'])
    backbone, neck = model.backbone, model.neck
    visible = neck.hide(backbone.embed(images), mask, backbone.embed_token)
    latent = backbone.encode(*visible)
    loss = model.loss(images, mask)['loss']
    loss.backward()
    parameters = dict(model.named_parameters())
    return {
        'loss': loss.item(),
        'latent': latent.detach(),
        'prediction': neck.all_cells(latent, mask).detach(),
        'grad_norm': {
            name: parameters[REPORT.renamed[name]].grad.norm().item()
            for name in GOLDEN['grad_norm']
        },
    }


def test_every_key_is_mapped():
    assert REPORT.complete


def _secondary_token_zero(model: nn.Module) -> None:
    model.neck.secondary_token.data.zero_()


# The name in the figures, how to build it, how to spoil it.
MUTANTS = {
    'eps 1e-5': ({'norm_eps': 1e-5}, None),
    'secondary token zero': ({}, _secondary_token_zero),
}


class TestUMMAEPVT(GoldenContract):
    golden = GOLDEN
    mutants = MUTANTS
    build = staticmethod(build)
    run = staticmethod(run)


# Faults without a mutant in the figures.
OTHER_MUTANTS = {
    'norms of blocks': {'block_norm_eps': 1e-6},
    'norms of reductions': {'patch_norm_eps': 1e-6},
    'keys': {'sr_ratios': (8, 4, 2, 1)},
}


@pytest.mark.parametrize('name', OTHER_MUTANTS)
def test_other_mutant_fails(name):
    model = build(backbone=OTHER_MUTANTS[name])
    norm = encoded(model).norm().item()
    assert abs(norm / GOLDEN['latent_l2'] - 1) > 5e-9


@pytest.mark.parametrize('positions', ['sincos', 'learned'])
def test_finetuning_features(positions):
    """Pooled, then normalised; keys of 32 pixels, no gathering."""
    wanted = GOLDEN['finetune']
    backbone = MODELS.build(
        backbone_config(
            sr_ratios=(8, 4, 2, 1), positions=positions, output_norms=False
        )
    ).double()
    prefix = 'backbone.'
    state = {
        key.removeprefix(prefix): value
        for key, value in STATE.items()
        if key.startswith(prefix) and not key.startswith('backbone.norm')
    }
    missing, unexpected = backbone.load_state_dict(state, strict=False)
    assert set(missing) <= backbone.optional_keys and not unexpected
    pooling = NormedPooling(ARCH['embed_dims'][-1]).double()
    extra = {
        name.removeprefix('fc_norm.'): formula.parameter(name, shape, 'norm')
        for name, shape in wanted['extra'].items()
    }
    pooling.norm.load_state_dict(extra)
    batch, size = wanted['batch'], ARCH['img_size']
    images = formula.images('images_finetune', batch, size)
    with torch.no_grad():
        (pooled,) = pooling(backbone(images))
    assert pooled.norm().item() == pytest.approx(wanted['pooled_l2'], rel=1e-8)
    assert ends(pooled) == pytest.approx(wanted['pooled_ends'], rel=1e-8)
