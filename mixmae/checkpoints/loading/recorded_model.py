"""Model config that is recorded in a checkpoint: parsed, never executed.

It says how the images were prepared, and how the network was built where its
tensors do not show it: ``hyperparameter_mismatches``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from mixmae.checkpoints.io.plain_values import plain_values
from mixmae.checkpoints.io.safetensors_file import read_header
from mixmae.config.config_paths import type_name


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
    its own reader would execute this text. Here it is only parsed.

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
    for pipeline in pipelines(settings, ('train_dataloader', *LOADERS)):
        for step in pipeline:
            known = isinstance(step, Mapping)
            value = step.get('value_range') if known else None
            if isinstance(value, (list, tuple)) and len(value) == 2:
                return value[0], value[1]
    return None


def pipelines(
    settings: Mapping[str, Any], loaders: Sequence[str] = LOADERS
) -> Iterator[Sequence]:
    """Yield the pipelines in a config, those of wrapped data sets, too."""
    for name in loaders:
        loader = settings.get(name)
        part = loader.get('dataset') if isinstance(loader, Mapping) else None
        while isinstance(part, Mapping):
            pipeline = part.get('pipeline')
            if pipeline and isinstance(pipeline, (list, tuple)):
                yield pipeline
            inner = part.get('datasets') or [part.get('dataset')]
            part = inner[0] if isinstance(inner, (list, tuple)) else None


# A mismatch of one of these is an error.
_BINDING = ('img_size', 'absolute_positions', 'norm_eps')


def hyperparameter_mismatches(content: Mapping, backbone: nn.Module) -> str:
    """Compare such hyperparameters with those in a checkpoint.

    Args:
        content: Content of the checkpoint file; nothing is compared if it does
            not record its backbone's config.
        backbone: Backbone that gets the weights; its
            ``checked_hyperparameters`` are compared.

    Returns:
        The allowed differences, for the log; empty if there are none.

    Raises:
        ValueError: Positions or norms differ from those in training.
    """
    meta = content.get('meta')
    model = recorded_model(meta) if isinstance(meta, Mapping) else {}
    recorded = model.get('backbone')
    actual = getattr(backbone, 'checked_hyperparameters', {})
    if not isinstance(recorded, Mapping) or not actual:
        return ''
    kind = type_name(recorded)
    if kind != type(backbone).__name__:
        return ''
    defaults = inspect.signature(type(backbone)).parameters
    allowed = []
    for name, wanted in actual.items():
        given = recorded.get(name, defaults[name].default)
        if _comparable(given) == _comparable(wanted):
            continue
        # Recomputed positions do not depend on the configured image size.
        computed = actual.get('position_resize') == 'sincos'
        free = name == 'img_size' and computed
        if name in _BINDING and not free:
            hint = (
                ', the size that positions are built for; it does not limit '
                'the size of input images'
            )
            raise ValueError(
                f'the weights were trained with {name}={given}, this {kind} '
                f'has {name}={wanted}; set {name}={given}'
                + (hint if name == 'img_size' else '')
            )
        allowed.append(f'{name} {given} -> {wanted}')
    return f'; not as trained: {", ".join(allowed)}' if allowed else ''


def _comparable(value: object) -> object:
    """Treat a side as a square and a list as a tuple."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return value


CHANNEL_ORDERS = ('RGB', 'BGR')


def channel_order(preprocessor: Mapping[str, Any]) -> str:
    """Return the channel order of a network's input, 'RGB' or 'BGR'.

    Args:
        preprocessor: Record of a converter (``channel_order``), or config of a
            data preprocessor. The flag is ``to_rgb`` in mixmae and mmpretrain,
            ``bgr_to_rgb`` in mmengine, mmdet and mmseg; ours defaults to True,
            theirs to False. All pipelines load BGR.

    Raises:
        ValueError: A ``channel_order`` that is neither.
    """
    recorded = preprocessor.get('channel_order')
    if recorded is not None:
        order = str(recorded).upper()
        if order not in CHANNEL_ORDERS:
            raise ValueError(
                f'channel_order must be one of {CHANNEL_ORDERS}, got '
                f'{recorded!r}'
            )
        return order
    flag = preprocessor.get('to_rgb', preprocessor.get('bgr_to_rgb'))
    if flag is None:
        flag = type_name(preprocessor) == 'MaskingDataPreprocessor'
    return 'RGB' if flag else 'BGR'
