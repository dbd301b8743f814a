"""Call of a pretraining with what it is derived from."""

from __future__ import annotations

from typing import NamedTuple

from mixmae.recipes.continued_model import ContinuedModel
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import Method
from mixmae.recipes.model_of_config import GivenModel
from mixmae.recipes.networks import Network, patch_size
from mixmae.recipes.pretraining_options import PretrainingOptions


class PretrainingCall(NamedTuple):
    """Arguments of a call, machine, method, network, images and start.

    Attributes:
        given: Model of a config; ``None`` for a named network.
        start: Weights that determine the network; ``None`` without them.
    """

    options: PretrainingOptions
    machine: Machine
    method: Method
    network: Network
    given: GivenModel | None
    images: ImageSources
    start: ContinuedModel | None = None

    def patch(self, image_size: int) -> int:
        """Return the side of a patch: that of the weights, or derived."""
        if self.start:
            return self.start.patch
        return patch_size(self.network, image_size)
