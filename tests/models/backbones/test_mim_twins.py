import pytest
import torch

from mixmae.registry import MODELS
from tests.contracts.mixing_contract import MixingContract
from tests.models.parts import TINY_TWINS, random_images, tiny_model


class TestMixing(MixingContract):
    """SVT; windows of 7 cut cells in two stages and cover the others."""

    positions_promote = False

    def model(self, **changes):
        return tiny_model(tiny=TINY_TWINS, **changes)


class TestMixingWithoutWindows(MixingContract):
    """PCPVT."""

    positions_promote = False

    def model(self, backbone=None, **changes):
        other = {'window_size': None, **(backbone or {})}
        return tiny_model(other, tiny=TINY_TWINS, **changes)
