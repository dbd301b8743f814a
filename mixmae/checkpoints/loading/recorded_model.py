"""Model config that is recorded in a checkpoint: parsed, never executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from mixmae.checkpoints.io.plain_values import plain_values
from mixmae.checkpoints.io.safetensors_file import read_header


class _DictCalls(ast.NodeTransformer):
    """Replace ``dict(a=1)``, as MMEngine prints configs, by ``{'a': 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not (
            isinstance(node.func, ast.Name)
            and node.func.id == 'dict'
            and not node.args
            # Not ``dict(**others)``.
            and all(word.arg is not None for word in node.keywords)
        ):
            return node
        return ast.Dict(
            [ast.Constant(word.arg) for word in node.keywords],
            [word.value for word in node.keywords],
        )


def parse_config_text(text: str) -> dict[str, Any]:
    """Return the plain top-level settings in the text of a config.

    MMEngine saves a run's config as text in ``meta['cfg']`` of a checkpoint;
    its own reader would execute the text. This function only parses it.

    Args:
        text: Text from ``Config.pretty_text``.

    Returns:
        Values by name, of assignments of dicts, lists, tuples and plain
        values. Names with other or too deeply nested values are omitted.

    Raises:
        ValueError: The text is not a list of assignments.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(
            'the config in the checkpoint is not readable'
        ) from None
    settings: dict[str, Any] = {}
    for node in body:
        if not (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(target := node.targets[0], ast.Name)
        ):
            raise ValueError(
                "the config in the checkpoint does not have MMEngine's "
                f'format: line {node.lineno} is not "name = value"'
            )
        settings.pop(target.id, None)
        try:
            value = ast.literal_eval(_DictCalls().visit(node.value))
            plain_values(value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            continue
        settings[target.id] = value
    return settings


PARTS = ('backbone', 'neck', 'head', 'data_preprocessor')
LOADERS = ('test_dataloader', 'val_dataloader')


def recorded_model(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configs of a model's parts recorded in a checkpoint.

    Args:
        meta: ``meta`` of a run's checkpoint (with the text of its config,
            which is parsed and not executed) or of a converted one, or the
            header of a safetensors file.

    Returns:
        Configs by part: ``backbone``, ``data_preprocessor`` and so on; empty
        if nothing readable is recorded.

    Raises:
        ValueError: A safetensors header of a later version.
    """
    if 'format_version' in meta:
        header = read_header(meta)
        if isinstance(header.get('config'), Mapping):
            return model_of_settings(header['config'])
        named = {
            'backbone': header.get('backbone'),
            'data_preprocessor': header.get('preprocessing'),
        }
        return {key: value for key, value in named.items() if value}
    if isinstance(meta.get('model'), Mapping) and _is_config(meta['model']):
        return meta['model']
    if not isinstance(meta.get('cfg'), str):
        return {}
    try:
        return model_of_settings(parse_config_text(meta['cfg']))
    except ValueError:
        return {}


def recorded_settings(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the config of a whole run recorded in a checkpoint.

    Args:
        meta: As for ``recorded_model``.

    Returns:
        Settings by name; None if it records parts of a model at most.

    Raises:
        ValueError: The text of a config is not readable.
    """
    if isinstance(meta.get('cfg'), str):
        return parse_config_text(meta['cfg'])
    if 'format_version' in meta:
        config = read_header(meta).get('config')
        return config if isinstance(config, Mapping) else None
    return None


def check_parts(settings: Mapping[str, Any], source: str) -> None:
    """Check that the parts of a config in a checkpoint are dicts.

    Args:
        settings: Names and values of the config.
        source: The checkpoint, for messages.

    Raises:
        ValueError: A part is not a dict.
    """
    places = [f'model.{name}' for name in PARTS]
    for name in LOADERS:
        places += [name, *(name + '.dataset' * n for n in range(1, 5))]
    for place in ('model', 'data_preprocessor', *places):
        value: Any = settings
        for name in place.split('.'):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, (Mapping, type(None))):
            raise ValueError(
                f'{source} contains a config whose {place} is not a dict; '
                'pass the config of its run as a file'
            )


def _is_config(value: Any) -> bool:
    """Return True if a config file could hold the value."""
    if isinstance(value, Mapping):
        names = all(isinstance(key, str) for key in value)
        return names and all(map(_is_config, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_config, value))
    return isinstance(value, (str, int, float, type(None)))


def model_of_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model of a config, with a top-level preprocessor.

    The preprocessor gets the ``value_range`` of the loading transforms.
    """
    model = settings.get('model')
    if not isinstance(model, Mapping):
        return {}
    # The preprocessor in the model takes precedence.
    found: dict[str, Any] = {}
    for part in (settings, model):
        preprocessor = part.get('data_preprocessor')
        if isinstance(preprocessor, Mapping):
            found.update(preprocessor)
    value_range = _value_range(settings)
    if value_range is not None:
        found['value_range'] = value_range
    return {**model, 'data_preprocessor': found} if found else model


def _value_range(settings: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the value range of the transforms that load images, if any."""
    for name in ('train_dataloader', *LOADERS):
        loader = settings.get(name)
        part = loader.get('dataset') if isinstance(loader, Mapping) else None
        while isinstance(part, Mapping):
            pipeline = part.get('pipeline')
            for step in (
                pipeline if isinstance(pipeline, (list, tuple)) else ()
            ):
                value = step.get('value_range') if _is_config(step) else None
                if isinstance(value, (list, tuple)) and len(value) == 2:
                    return value[0], value[1]
            part = part.get('dataset')
    return None
