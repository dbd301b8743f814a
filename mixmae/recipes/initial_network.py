"""Initial network of a run: of a checkpoint, or of the model of a config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from mixmae.checkpoints.conversion.initial_weights import (
    OF_THE_TASK,
    InitialWeights,
    initial_weights,
)
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.config.config_file import read_config
from mixmae.config.config_paths import type_name
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.recipes.methods import Method, ModelParts
from mixmae.recipes.networks import (
    Network,
    built_without_weights,
    named_network,
)
from mixmae.registry import MODELS

FILE = 'init.pth'
METHOD_OF_NECK = {
    'MixMAENeck': 'mixmae',
    'UMMAENeck': 'um-mae',
    'SimMIMNeck': 'simmim',
}


@dataclass(frozen=True)
class InitialNetwork:
    """A backbone, its weights and the normalisation of its images.

    Attributes:
        backbone: Config of the backbone, with the settings of no task.
        checkpoint: File for ``init_cfg``; None = random weights.
        mean: Mean of each channel, in units of 0..255.
        std: Likewise.
        to_rgb: Whether the channels are RGB, not BGR.
        channels: Channels of each stage.
        img_size: Side of the images of the pretraining, in pixels.
        origin: The file, for messages.
        kind: What it is, in words.
        value_range: Sample values of black and white; None = images of 8
            bits.
        line: Account of every tensor of the file.
    """

    backbone: Mapping[str, Any]
    checkpoint: str | None
    mean: list[float]
    std: list[float]
    to_rgb: bool
    channels: list[int]
    img_size: int
    origin: str
    kind: str = ''
    value_range: tuple[float, float] | None = None
    line: str = ''

    @property
    def is_small(self) -> bool:
        """Whether it is narrower than the networks of the papers."""
        return self.channels[0] < 64

    @property
    def is_pyramid(self) -> bool:
        """Whether it has the maps of three or more stages, as heads need."""
        return len(self.channels) > 2 and len(set(self.channels)) > 1


def initial_network(
    init: str | os.PathLike,
    converted: str | os.PathLike,
    in_channels: int | None = None,
) -> InitialNetwork:
    """Read the network from a file of weights.

    Args:
        init: See ``initial_weights``.
        converted: File to write the converted checkpoint to.
        in_channels: Channels of the images; None = those of the file.

    Raises:
        ValueError: The file cannot be read, is unknown, or records no network.
    """
    init = best_checkpoint(init)
    weights = initial_weights(init, in_channels).without_neck('decoder')
    # The config that names it is run from any folder.
    checkpoint = init
    if weights.is_local:
        checkpoint = os.path.abspath(os.path.expanduser(checkpoint))
    elif not weights.as_it_is:
        weights.write(converted)
        checkpoint = os.path.abspath(converted)
    norm = weights.model['data_preprocessor']
    found = described(weights.model['backbone'], norm, weights.path)
    return replace(
        found,
        checkpoint=checkpoint,
        kind=weights.kind,
        line=weights.line(),
    )


def described(
    backbone: Mapping[str, Any],
    norm: Mapping[str, Any],
    origin: str,
) -> InitialNetwork:
    """Complete the description of a network by building it without weights.

    Args:
        backbone: Config of the backbone, with or without task settings.
        norm: ``mean``, ``std`` and ``channel_order``.
        origin: What it is, for messages.

    Raises:
        ValueError: It is none of our backbones.
    """
    config = {k: v for k, v in backbone.items() if k not in OF_THE_TASK}
    config = registered_parts(config, (MODELS,), origin)
    kind = str(config.get('type', '')).removeprefix('mixmae.')
    config = {**config, 'type': f'mixmae.{kind}'}
    built = built_without_weights(config)
    if not isinstance(built, HierarchicalBackbone):
        raise ValueError(f'{origin}: {kind} is not a backbone of mixmae')
    size = config.get('img_size', 224)
    config.setdefault('patch_size', built.stride >> (built.num_stages - 1))
    return InitialNetwork(
        backbone=config,
        checkpoint=None,
        mean=[*norm['mean']],
        std=[*norm['std']],
        to_rgb=str(norm.get('channel_order', 'RGB')).upper() == 'RGB',
        channels=[*built.num_features],
        img_size=size if isinstance(size, int) else min(size),
        origin=origin,
        value_range=norm.get('value_range'),
    )


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
        _family(found.backbone),
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


class GivenModel(NamedTuple):
    """Model of a config.

    Attributes:
        method: Name of its method.
        network: Its backbone.
        parts: Configs of its parts.
        image_size: Side of its images in pixels.
        images: ``mean``, ``std`` and ``to_rgb``.
    """

    method: str
    network: Network
    parts: ModelParts
    image_size: int
    images: dict[str, Any]


def model_of_config(path: str | os.PathLike) -> GivenModel:
    """Read the model of a pretraining config.

    Raises:
        ValueError: The file cannot be read, or trains no such model.
    """
    cfg = read_config(path)
    model = cfg.to_dict().get('model') or {}
    kind, neck = type_name(model), type_name(model.get('neck'))
    if kind != 'MaskedImageModel' or neck not in METHOD_OF_NECK:
        raise ValueError(
            f'model={os.fspath(path)}: its model is a {kind}, not a '
            f'MaskedImageModel with one of {", ".join(METHOD_OF_NECK)}'
        )
    before = model['data_preprocessor']
    backbone = {k: v for k, v in model['backbone'].items() if k != 'init_cfg'}
    built: MaskedImageModel = built_without_weights(
        {**model, 'backbone': backbone}
    )
    size = backbone.get('img_size') or cfg.get('img_size') or 224
    if not isinstance(size, int):
        raise ValueError(
            f'model={os.fspath(path)}: img_size={size} is not one side of '
            f'square images'
        )
    dims = built.backbone.num_features
    return GivenModel(
        METHOD_OF_NECK[neck],
        Network(
            str(path),
            _family(backbone),
            backbone.get('arch'),
            (dims[0], dims[-1]),
        ),
        ModelParts(backbone, before['masking'], model['neck'], model['head']),
        size,
        {key: before[key] for key in ('mean', 'std')}
        | {'to_rgb': before.get('to_rgb', True)},
    )


def _family(backbone: Mapping[str, Any]) -> str:
    return type_name(backbone).removeprefix('MIM').lower()
