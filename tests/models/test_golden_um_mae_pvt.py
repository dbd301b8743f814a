"""UM-MAE's PVT against the official implementation's figures, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixmae.registry import MODELS
from mixmae.structures import CellMask
from tests.golden import formula

GOLDEN = formula.figures('ummae')['pvt']
ARCH = GOLDEN['arch']


def backbone_config(**changes) -> dict:
    keys = ('embed_dims', 'depths', 'num_heads', 'mlp_ratios')
    return {
        'type': 'MIMPVT',
        'arch': {key: ARCH[key] for key in keys},
        'img_size': ARCH['img_size'],
        'sr_ratios': ARCH['sr_ratios'],
        'reduction': 'pool',
        'patch_norm': False,
        'block_norm_eps': 1e-5,
        'norm_eps': ARCH['layer_norm_eps'],
        **changes,
    }


def our_key(official: str) -> str:
    """Our name of an official parameter of the pretraining model."""
    part, *rest = official.split('.')
    name = '.'.join(rest)
    simple = {
        'vis_mask_token': 'neck.secondary_token',
        'mask_token': 'neck.mask_token',
        'patch_embed': f'backbone.patch_embed.{name}',
        'norm': f'backbone.norm3.{name}',
        'decoder_embed': f'neck.embed.{name}',
        'decoder_blocks': f'neck.decoder.blocks.{name}',
        'decoder_norm': f'neck.decoder.norm.{name}',
        'decoder_pred': f'neck.decoder.predict.{name}',
    }
    if part in simple:
        return simple[part]
    block, stage = int(rest[0]), 0
    while block >= ARCH['depths'][stage]:
        block -= ARCH['depths'][stage]
        stage += 1
    name = '.'.join(rest[1:])
    name = name.replace('attn.sr.', 'attn.reduction.proj.')
    name = name.replace('attn.norm.', 'attn.reduction.norm.')
    if name.startswith('downsample'):
        return f'backbone.stages.{stage}.{name}'
    return f'backbone.stages.{stage}.blocks.{block}.{name}'


def weights() -> dict[str, torch.Tensor]:
    official = formula.weights(GOLDEN['parameters'])
    return {our_key(name): value for name, value in official.items()}


def build(norm_eps: float = 1e-6, backbone: dict | None = None) -> nn.Module:
    """The pretraining model with the golden weights, float64."""
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
    model.load_state_dict(weights(), strict=True)
    return model


def golden_mask() -> CellMask:
    batch = GOLDEN['batch']
    corner = (2 * formula.unit('corners', batch * 64) + 2).astype(int)
    visible = F.one_hot(torch.from_numpy(corner), 4).bool()
    visible = visible.view(batch, 8, 8, 2, 2).transpose(2, 3)
    visible = visible.reshape(batch, 16, 16)
    # Of the 64 kept patches the 48 of the smallest noise stay.
    noise = torch.from_numpy(formula.unit('secondary', batch * 256))
    noise = noise.view(batch, 256).masked_fill(~visible.flatten(1), -2)
    last = noise.argsort(1)[:, -16:]
    secondary = torch.zeros(batch, 256, dtype=torch.bool)
    secondary.scatter_(1, last, True)
    return CellMask(~visible, 16, secondary.view(batch, 16, 16))


def run(model: nn.Module) -> dict:
    """Loss, latent, prediction and gradient norms, by official names."""
    mask = golden_mask()
    images = formula.images('images', GOLDEN['batch'], ARCH['img_size'])
    backbone = model.backbone
    visible = model.neck.hide(
        backbone.embed(images), mask, backbone.embed_token
    )
    latent = backbone.encode(*visible)
    decoder = model.neck.decoder
    complete = model.neck._complete(latent, mask)
    loss = model.loss(images, mask)['loss']
    loss.backward()
    parameters = dict(model.named_parameters())
    return {
        'loss': loss.item(),
        'latent': latent.detach(),
        # Of all cells; ``reveal`` leaves out the visible ones.
        'prediction': decoder.pixels(decoder(complete)).detach(),
        'grad_norm': {
            name: parameters[our_key(name)].grad.norm().item()
            for name in GOLDEN['parameters']
        },
    }


def ends(x: torch.Tensor) -> list[float]:
    flat = x.flatten()
    return torch.cat([flat[:6], flat[-6:]]).tolist()


@pytest.fixture(scope='module')
def result() -> dict:
    return run(build())


def test_loss(result):
    assert result['loss'] == pytest.approx(GOLDEN['loss'], rel=1e-8)


@pytest.mark.parametrize('name', ['latent', 'prediction'])
def test_tensor(result, name):
    norm = result[name].norm().item()
    assert norm == pytest.approx(GOLDEN[f'{name}_l2'], rel=1e-8)
    assert ends(result[name]) == pytest.approx(
        GOLDEN[f'{name}_ends'], rel=1e-8
    )


def test_every_gradient_norm(result):
    wanted = GOLDEN['grad_norm']
    found = {name: result['grad_norm'][name] for name in wanted}
    assert found == pytest.approx(wanted, rel=1e-6)


def _secondary_token_zero(model: nn.Module) -> None:
    model.neck.secondary_token.data.zero_()


# The name in the figures, how to build it, how to spoil it.
MUTANTS = {
    'eps 1e-5': ({'norm_eps': 1e-5}, None),
    'secondary token zero': ({}, _secondary_token_zero),
}


def test_every_listed_mutant_is_tried():
    assert MUTANTS.keys() == GOLDEN['mutants'].keys()


@pytest.mark.parametrize('name', MUTANTS)
def test_mutant_fails_by_the_official_amount(name):
    """A spoilt network misses the figures as far as it does officially."""
    arguments, spoil = MUTANTS[name]
    model = build(**arguments)
    if spoil:
        spoil(model)
    found = run(model)
    wanted = GOLDEN['mutants'][name]
    loss = abs(found['loss'] / GOLDEN['loss'] - 1)
    latent = abs(found['latent'].norm().item() / GOLDEN['latent_l2'] - 1)
    assert loss == pytest.approx(wanted['loss'], rel=0.01)
    assert latent == pytest.approx(wanted['latent'], rel=0.01)
    assert loss > 100 * 1e-8


# What the figures list no mutant for.
OTHER_MUTANTS = {
    'norms of blocks': {'block_norm_eps': 1e-6},
    'norms of reductions': {'patch_norm_eps': 1e-6},
    'keys': {'sr_ratios': (8, 4, 2, 1)},
}


@pytest.mark.parametrize('name', OTHER_MUTANTS)
def test_other_mutant_fails(name, result):
    model = build(backbone=OTHER_MUTANTS[name])
    norm = run(model)['latent'].norm().item()
    assert abs(norm / GOLDEN['latent_l2'] - 1) > 5e-9


def test_our_position_order_is_another():
    """The official decoder misplaces visible tokens; ours does not."""
    model = build()
    model.neck.legacy_position_order = False
    found = run(model)
    assert abs(found['loss'] / GOLDEN['loss'] - 1) > 1e-5
    norm = found['latent'].norm().item()
    assert norm == pytest.approx(GOLDEN['latent_l2'], rel=1e-8)


@pytest.mark.parametrize('positions', ['sincos', 'learned'])
def test_finetuning_features(positions):
    """Pooled, then normed; keys of 32 pixels, and nothing gathered."""
    wanted = GOLDEN['finetune']
    backbone = MODELS.build(
        backbone_config(
            sr_ratios=(8, 4, 2, 1), positions=positions, output_norms=False
        )
    ).double()
    prefix = 'backbone.'
    state = {
        name.removeprefix(prefix): value
        for name, value in weights().items()
        if name.startswith(prefix) and 'norm3' not in name
    }
    missing, unexpected = backbone.load_state_dict(state, strict=False)
    assert set(missing) <= backbone.optional_keys and not unexpected
    batch, size = wanted['batch'], ARCH['img_size']
    norm = {
        name: formula.parameter(f'fc_norm.{name}', shape, 'norm')
        for name, shape in (
            ('weight', wanted['extra']['fc_norm.weight']),
            ('bias', wanted['extra']['fc_norm.bias']),
        )
    }
    with torch.no_grad():
        maps = backbone(formula.images('images_finetune', batch, size))
        pooled = F.layer_norm(
            maps[-1].mean((2, 3)), (maps[-1].size(1),), **norm, eps=1e-6
        )
    assert pooled.norm().item() == pytest.approx(wanted['pooled_l2'], rel=1e-8)
    assert ends(pooled) == pytest.approx(wanted['pooled_ends'], rel=1e-8)
