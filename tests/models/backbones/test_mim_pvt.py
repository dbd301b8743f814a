import pytest
import torch

from mixmae.registry import MODELS
from tests.contracts.mixing_contract import MixingContract
from tests.models.parts import TINY_PVT, random_images, tiny_model


class TestMixing(MixingContract):
    def model(self, **changes):
        return tiny_model(tiny=TINY_PVT, **changes)


class TestMixingOfTheOtherFlavour(MixingContract):
    """UM-MAE's reduction, with keys smaller than a cell."""

    def model(self, backbone=None, **changes):
        other = {
            'reduction': 'pool',
            'patch_norm': False,
            'sr_ratios': (4, 2, 1, 1),
            'positions': 'learned',
        }
        return tiny_model(
            {**other, **(backbone or {})}, tiny=TINY_PVT, **changes
        )
