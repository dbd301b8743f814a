"""The pretraining model of a config file, as a recipe takes it over."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from mixmae.config.config_file import read_config
from mixmae.config.config_paths import type_name
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.recipes.methods import ModelParts
from mixmae.recipes.networks import Network, built_without_weights

METHOD_OF_NECK = {
    'MixMAENeck': 'mixmae',
    'UMMAENeck': 'um-mae',
    'SimMIMNeck': 'simmim',
}


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
    family = type_name(backbone).removeprefix('MIM').lower()
    return GivenModel(
        METHOD_OF_NECK[neck],
        Network(str(path), family, backbone.get('arch'), (dims[0], dims[-1])),
        ModelParts(backbone, before['masking'], model['neck'], model['head']),
        size,
        {key: before[key] for key in ('mean', 'std')}
        | {'to_rgb': before.get('to_rgb', True)},
    )
