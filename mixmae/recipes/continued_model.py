"""A pretraining model that starts from existing weights."""

from __future__ import annotations

from typing import Any, NamedTuple

from mixmae.checkpoints.conversion.initial_weights import (
    InitialWeights,
    initial_weights,
)
from mixmae.config.config_paths import type_name
from mixmae.recipes.initial_network import InitialNetwork, described
from mixmae.recipes.methods import Method, ModelParts
from mixmae.recipes.networks import Network, named_network

FILE = 'init.pth'
FAMILIES = {
    'MIMSwin': 'swin', 'MIMPVT': 'pvt', 'MIMTwins': 'twins', 'MIMViT': 'vit',
}  # fmt: skip


class ContinuedModel(NamedTuple):
    """Weights, and the network that they belong to.

    Attributes:
        weights: Weights of the backbone, and of the decoder if present.
        network: The backbone by the settings that recipes derive from.
        found: The backbone with its normalisation.
    """

    weights: InitialWeights
    network: Network
    found: InitialNetwork

    @property
    def patch(self) -> int:
        """Return the side of a patch in pixels."""
        return self.found.backbone['patch_size']

    def parts(
        self, method: Method, image_size: int
    ) -> tuple[InitialWeights, ModelParts]:
        """Return the model of a method around the backbone of the file.

        The decoder of the file is taken if it is of this method and of the
        same cells.

        Raises:
            ValueError: The backbone does not go with the method.
        """
        derived = method.build(self.network, image_size, self.patch)
        backbone = {**self.found.backbone}
        backbone['type'] = str(backbone['type']).removeprefix('mixmae.')
        bias = backbone.get('position_bias', 'table')
        if method.name == 'um-mae' and (
            self.network.family == 'swin' and bias == 'table'
        ):
            raise ValueError(
                f'init: {self.weights.path} is {self.weights.kind} with '
                f'tables of position biases, which um-mae cannot use on '
                f'gathered tokens; take method=mixmae or simmim, or weights '
                f'of UM-MAE'
            )
        weights, neck = self.weights, derived.neck
        own = dict(weights.model.get('neck') or {})
        kind = str(own.get('type')).removeprefix('mixmae.')
        if kind == neck['type'] and own.get('cell', 32) == neck['cell']:
            neck = {**own, 'type': kind}
        else:
            reason = f'decoder of {kind}' if kind != neck['type'] else ''
            weights = weights.without_neck(reason or 'decoder of other cells')
        return weights, derived._replace(network=backbone, neck=neck)


def continued_model(
    init: Any, model: str | None, in_channels: int | None = None
) -> ContinuedModel:
    """Read weights to continue from, and compare them with a named network.

    Args:
        init: See ``initial_weights``.
        model: Name of the network of the call; None = that of the weights.
        in_channels: Channels of the images; None = those of the weights.

    Raises:
        ValueError: They are of another network.
    """
    weights = initial_weights(init, in_channels)
    found = described(
        weights.model['backbone'],
        weights.model['data_preprocessor'],
        weights.path,
    )
    widths = (found.channels[0], found.channels[-1])
    arch = found.backbone.get('arch', 'base')
    network = Network(
        f'the network of {weights.path}',
        FAMILIES[type_name(found.backbone)],
        arch,
        widths,
        len(found.channels),
    )
    if model is not None:
        asked = named_network(model)
        if (asked.family, asked.widths) != (network.family, widths):
            raise ValueError(
                f'init: {weights.path} is {weights.kind} of {widths[0]} to '
                f'{widths[1]} channels, but model={model} has '
                f'{asked.widths[0]} to {asked.widths[1]}; leave out model, '
                f'or take weights of {asked.name}'
            )
    return ContinuedModel(weights, network, found)
