"""Override contract of backbones, and of methods with their necks."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from mixmae.registry import MODELS
from tests.contracts.override_contract import OverrideContract
from tests.models.pairs import BACKBONES, pair_batch, pair_model
from tests.models.parts import random_images

# Two stages each, or two kinds of blocks.
_SWIN = {
    'arch': {'embed_dims': 8, 'depths': (1, 1), 'num_heads': (1, 2)},
    'img_size': 16,
    'patch_size': 2,
    'window_sizes': (4, 4),
}
_PYRAMID = {
    'arch': {
        'embed_dims': (8, 16),
        'depths': (1, 2),
        'num_heads': (1, 2),
        'mlp_ratios': (2, 2),
    },
    'patch_size': 2,
    'sr_ratios': (2, 1),
}
SMALL: dict[str, dict] = {
    'swin': _SWIN,
    'log-swin': _SWIN,
    'pvt': {**_PYRAMID, 'img_size': 16},
    'pool-pvt': {**_PYRAMID, 'img_size': 16},
    'svt': _PYRAMID,
    'vit': {'img_size': 16, 'patch_size': 4},
}


def small_backbone(name: str, **changes) -> nn.Module:
    """Return a random backbone of two stages for 16 x 16 pixels."""
    torch.manual_seed(0)
    backbone = MODELS.build({**BACKBONES[name], **SMALL[name], **changes})
    backbone.init_weights()
    for parameter in backbone.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return backbone


class BackboneOverrides(OverrideContract):
    """Overrides in ``backbone(images)``.

    Attributes:
        backbone: its name in ``SMALL``.
    """

    backbone: ClassVar[str]

    def build(self, with_cp) -> nn.Module:
        return small_backbone(self.backbone, with_cp=with_cp)

    def run(self, module: nn.Module) -> Tensor:
        maps = module(random_images(1, 16, 16).double())
        return torch.cat([x.flatten() for x in maps])


class MethodOverrides(OverrideContract):
    """Overrides in the loss; backbone, neck and head have no forward.

    Attributes:
        pair: backbone and method, see ``pair_model``.
        changes: of their configs.
    """

    settings = (False, 'pointwise')
    pair: ClassVar[tuple[str, str]]
    changes: ClassVar[dict[str, dict]] = {}
    not_called = frozenset({'data_preprocessor', 'backbone'})
    not_wrapped = frozenset({'neck.decoder'})

    def build(self, with_cp) -> nn.Module:
        settings = {'with_cp': with_cp}
        changes = dict(self.changes)
        if self.pair[1] != 'simmim':
            decoder = {'embed_dims': 16, 'depth': 1, 'num_heads': 2}
            changes['neck'] = {
                **changes.get('neck', {}),
                'decoder': {**decoder, **settings},
            }
        changes['backbone'] = {
            **SMALL[self.pair[0]],
            **changes.get('backbone', {}),
            **settings,
        }
        return pair_model(*self.pair, **changes)

    def run(self, module: nn.Module) -> Tensor:
        images, mask = pair_batch(module, (16, 16), 2)
        return module.loss(images.double(), mask)['loss']
