"""UM-MAE's Swin, compared with official figures in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixmae.checkpoints.loading.official_weights import from_official_um_mae
from mixmae.models import NormedPooling
from mixmae.models.layers.log_coordinate_bias import LogCoordinateBias
from mixmae.registry import MODELS
from tests.contracts.golden_contract import GoldenContract, ends
from tests.golden import formula
from tests.golden.um_mae import golden_mask

GOLDEN = formula.figures('ummae')['swin']
ARCH = GOLDEN['arch']
STATE, REPORT = from_official_um_mae(formula.weights(GOLDEN['parameters']))


def backbone_config(**changes) -> dict:
    keys = ('embed_dims', 'depths', 'num_heads')
    return {
        'type': 'MIMSwin',
        'arch': {key: ARCH[key] for key in keys},
        'img_size': ARCH['img_size'],
        'window_sizes': [ARCH['window_size']] * 4,
        'shift': True,
        'absolute_positions': False,
        'position_bias': 'log_coordinates',
        'bias_dims': ARCH['posmlp_dim'],
        'merging': 'conv',
        'norm_eps': ARCH['layer_norm_eps'],
        # QUIRK(UM-MAE): the norms inside the blocks have PyTorch's default.
        'block_norm_eps': 1e-5,
        **changes,
    }


def build(norm_eps: float = 1e-6, **backbone) -> nn.Module:
    """Return the pretraining model with the golden weights, float64."""
    model = MODELS.build(
        {
            'type': 'MaskedImageModel',
            'data_preprocessor': {
                'type': 'MaskingDataPreprocessor',
                'mean': [0.0] * 3,
                'std': [1.0] * 3,
            },
            'backbone': backbone_config(norm_eps=norm_eps, **backbone),
            'neck': {
                'type': 'UMMAENeck',
                'in_channels': 192,
                'token_channels': 24,
                'decoder': dict(ARCH['decoder'], norm_eps=norm_eps),
                'legacy_position_order': True,
            },
            'head': {'type': 'MaskedReconstructionHead'},
        }
    ).double()
    model.load_state_dict(STATE, strict=True)
    return model


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
        'latent': latent.detach().flatten(1, 2),
        'prediction': neck.all_cells(latent, mask).detach(),
        'revealed': neck.reveal(latent, mask).detach(),
        'hidden': mask.hidden.flatten(1),
        'grad_norm': {
            name: parameters[REPORT.renamed[name]].grad.norm().item()
            for name in GOLDEN['grad_norm']
        },
    }


def test_every_key_is_mapped():
    assert REPORT.complete
    assert REPORT.renamed.keys() == GOLDEN['parameters'].keys()


def _zero_token(model: nn.Module) -> None:
    model.neck.secondary_token.data.zero_()


def _without_biases(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, LogCoordinateBias):
            part.fc2.weight.data.zero_()
            part.fc2.bias.data.zero_()


# The name in the figures, how to build it, how to spoil it.
MUTANTS = {
    'eps 1e-5': ({'norm_eps': 1e-5}, None),
    'secondary token zero': ({}, _zero_token),
    'no shift': ({'shift': False}, None),
    'no bias mlp': ({}, _without_biases),
}


class TestUMMAESwin(GoldenContract):
    golden = GOLDEN
    mutants = MUTANTS
    build = staticmethod(build)
    run = staticmethod(run)

    def test_skipped_predictions_change_no_other(self, result):
        """Visible cells are not predicted; hidden ones are unchanged."""
        hidden = result['hidden']
        torch.testing.assert_close(
            result['revealed'][hidden],
            result['prediction'][hidden],
            rtol=1e-12,
            atol=1e-12,
        )
        assert not result['revealed'][~hidden].any()


def test_aligned_positions_differ_from_the_figures():
    """The default differs from the figures: the official order is a quirk."""
    model = build()
    model.neck.legacy_position_order = False
    images = formula.images('images', GOLDEN['batch'], ARCH['img_size'])
    with torch.no_grad():
        loss = model.loss(images, golden_mask(GOLDEN['batch']))['loss'].item()
    assert abs(loss / GOLDEN['loss'] - 1) > 1e-6


def test_finetuning_features():
    """Windows of twice the size; the mean is normalised, not the tokens."""
    wanted = GOLDEN['finetune']
    size = ARCH['img_size']
    backbone = MODELS.build(
        backbone_config(
            window_sizes=[2 * ARCH['window_size']] * 4, output_norms=False
        )
    ).double()
    prefix = 'backbone.'
    state = {
        key.removeprefix(prefix): value
        for key, value in STATE.items()
        if key.startswith(prefix) and not key.startswith('backbone.norm')
    }
    backbone.load_state_dict(state, strict=True)
    pooling = NormedPooling(192).double()
    extra = {
        name.removeprefix('fc_norm.'): formula.parameter(name, shape, 'norm')
        for name, shape in wanted['extra'].items()
    }
    pooling.norm.load_state_dict(extra)
    images = formula.images('images_finetune', wanted['batch'], size)
    with torch.no_grad():
        (pooled,) = pooling(backbone(images))
    assert pooled.norm().item() == pytest.approx(wanted['pooled_l2'], rel=1e-8)
    assert ends(pooled) == pytest.approx(wanted['pooled_ends'], rel=1e-8)
