"""What a checkpoint says of the model whose weights it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixmae.checkpoints.io.safetensors_file import read_header
from mixmae.checkpoints.loading.config_text import parse_config_text


def recorded_model(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configs of a model's parts, as far as a checkpoint has them.

    Args:
        meta: of a run's checkpoint (the text of its config, which is parsed
            and not executed), of a converted one, or the header of a
            safetensors file.

    Returns:
        Configs by part: ``backbone``, ``data_preprocessor`` and so on; empty
        if nothing readable is recorded.

    Raises:
        ValueError: a safetensors header of a later version.
    """
    if 'format_version' in meta:
        header = read_header(meta)
        named = {
            'backbone': header.get('backbone'),
            'data_preprocessor': header.get('preprocessing'),
        }
        return {key: value for key, value in named.items() if value}
    if isinstance(meta.get('model'), Mapping):
        return meta['model']
    if not isinstance(meta.get('cfg'), str):
        return {}
    try:
        return model_of_settings(parse_config_text(meta['cfg']))
    except ValueError:
        return {}


def model_of_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model of a config; its preprocessor may stand beside it."""
    model = settings.get('model')
    if not isinstance(model, Mapping):
        return {}
    # What the model itself says of its preprocessor counts.
    beside = settings.get('data_preprocessor')
    inside = model.get('data_preprocessor')
    if not isinstance(beside, Mapping):
        return model
    if isinstance(inside, Mapping):
        beside = {**beside, **inside}
    return {**model, 'data_preprocessor': beside}
