"""Values of ``--cfg-options``, parsed; keys that a run reads; JSON."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

from mixmae.config.config_paths import walk
from mixmae.config.failure_report import ConfigError

# Keys that runners and tools read in addition to the runners' arguments.
EXTRA_KEYS = {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'init_weights_for_test_or_val',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
}
RUN_KEYS = frozenset(
    {
        *inspect.signature(Runner).parameters,
        *inspect.signature(FlexibleRunner).parameters,
        *EXTRA_KEYS,
    }
) - {'cfg'}
VALIDATION = frozenset({'val_cfg', 'val_dataloader', 'val_evaluator'})
# Keys that a training or a test does not read.
UNREAD: Mapping[str, frozenset[str]] = {
    'training': frozenset({
        'test_cfg', 'test_dataloader', 'test_evaluator', 'tta_model',
        'tta_pipeline',
    }),
    'test': VALIDATION | {
        'auto_scale_lr', 'load_from', 'optim_wrapper', 'param_scheduler',
        'resume', 'train_cfg', 'train_dataloader',
    },
}  # fmt: skip


# Variables that the configs have in common. The value of the outermost file
# holds for its bases, too.
SHARED_VARIABLES = (
    'batch_size',
    'data_root',
    'img_size',
    'in_channels',
    'max_epochs',
    'max_iters',
    'num_classes',
    'value_range',
    'warmup_epochs',
    'warmup_iters',
)


def is_variable(cfg: Mapping[str, Any], key: str) -> bool:
    """Return True if a top-level key is a variable that no runner reads."""
    if key == 'data_preprocessor':
        # The one within the model wins.
        return 'data_preprocessor' in (cfg.get('model') or {})
    return key not in RUN_KEYS


BRACKETS = {'[': ']', '(': ')', '{': '}'}
WORDS = {'true': True, 'false': False, 'null': None}
LITERALS = (str, int, float, bool, list, tuple, dict, type(None))


def option_value(text: str) -> Any:
    """Parse the value of an option.

    Python and JSON literals are evaluated. Within brackets and ``dict()``,
    words need no quotes: ``[a,b]``, ``dict(type=Adam)``. As in MMEngine,
    ``a,b`` is a list, unless it contains a slash, since paths may contain
    commas. Any other text is a string, including spaces.

    Raises:
        ValueError: Brackets are nested too deeply.
    """
    try:
        return _value(text)
    except (RecursionError, MemoryError):
        raise ValueError(f'{text[:40]}...: nested too deeply') from None


def _value(text: str) -> Any:
    stripped = text.strip()
    parts = _split(stripped, ',') or []
    listed = len(parts) > 1
    if listed and parts[-1] == '':
        parts.pop()
    try:
        value = _literal(stripped)
    except ValueError:
        pass
    else:
        return list(value) if listed and isinstance(value, tuple) else value
    if not parts or '' in parts:
        return text
    if listed:
        return text if '/' in text else [_value(part) for part in parts]
    nested = _container(stripped)
    return text if nested is None else nested


def _literal(text: str) -> Any:
    """Return the value of a Python or JSON literal, or of a number."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for read in (json.loads, ast.literal_eval, int, float):
        try:
            with warnings.catch_warnings():
                # Python warns about unknown escapes.
                warnings.simplefilter('ignore')
                value = read(text)
        except (ValueError, SyntaxError, TypeError):
            continue
        if isinstance(value, LITERALS):
            return value
    raise ValueError(text)


def _container(text: str) -> list | tuple | dict | None:
    """Return a list, tuple or dict whose words need no quotes, or None."""
    named = text.startswith('dict(')
    body = text.removeprefix('dict')
    if not body or BRACKETS.get(body[0]) != body[-1] or len(body) < 2:
        return None
    parts = _split(body[1:-1], ',')
    if parts is None:
        return None
    if parts[-1] == '':
        parts.pop()
    if '' in parts:
        return None
    if not named and body[0] in '[(':
        values = [_value(part) for part in parts]
        return values if body[0] == '[' else tuple(values)
    pairs = [_split(part, '=' if named else ':', 1) for part in parts]
    found: dict[Any, Any] = {}
    for pair in pairs:
        if pair is None or len(pair) != 2:
            return None
        key: Any = pair[0] if named else _value(pair[0])
        if isinstance(key, (list, tuple, dict)):
            return None
        found[key] = _value(pair[1])
    return found


def _split(text: str, mark: str, most: int = -1) -> list[str] | None:
    """Split at marks outside of brackets and quotes.

    Returns:
        The parts without surrounding spaces, or None if brackets or quotes are
        not closed.
    """
    parts: list[str] = []
    open_brackets: list[str] = []
    quote, begin, fresh, skip = '', 0, True, False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = char == '\\'
            if char == quote:
                quote = ''
        # An apostrophe within a word is not a quote.
        elif char in '\'"' and fresh:
            quote = char
        elif char in BRACKETS:
            open_brackets.append(BRACKETS[char])
        elif char in BRACKETS.values():
            if not open_brackets or open_brackets.pop() != char:
                return None
        elif char == mark and not open_brackets and len(parts) != most:
            parts.append(text[begin:index].strip())
            begin = index + 1
        fresh = char in '[({,=:' or (fresh and char.isspace())
    if open_brackets or quote:
        return None
    return [*parts, text[begin:].strip()]


class OptionAction(argparse.Action):
    """Action that parses ``KEY=VALUE`` pairs into a dict.

    Keys keep their dots.

    Raises:
        ConfigError: A pair lacks a key or a value, or a key has two values.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest, None) or {})
        for pair in values:
            key, equals, text = pair.partition('=')
            if not equals or not all(key.split('.')):
                raise ConfigError(
                    f'{option_string} {pair} must be KEY=VALUE, with dots '
                    'between keys, as in optim_wrapper.optimizer.lr=1e-3; '
                    'quote values with spaces'
                )
            try:
                value = option_value(text)
            except ValueError as error:
                raise ConfigError(f'{option_string} {key}={error}') from error
            # As text: NaN does not equal itself, True equals 1.
            if repr(options.setdefault(key, value)) != repr(value):
                raise ConfigError(
                    f'{option_string}: {key} stands there twice, as '
                    f'{options[key]!r} and as {value!r}; leave one of them out'
                )
        setattr(namespace, self.dest, options)


# Stands for values that are measured, see ``auto_image_values``.
AUTO = 'auto'
VALUES = ('value_range', 'mean', 'std')


def open_values(part: Any) -> Iterator[tuple[dict, str]]:
    """Yield the dicts and names of a config whose value is 'auto'."""
    if isinstance(part, Config):
        part = part._cfg_dict
    for _, one in walk('', part):
        if isinstance(one, dict):
            for name in VALUES:
                if one.get(name) == AUTO:
                    yield one, name


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config keys that the runner reads, as plain values.

    Values that are written differently but mean the same become equal: a tuple
    and a list, 1 and 1.0, ``None`` and a missing key. Names that a config
    defines only for itself are omitted.
    """
    if hasattr(config, 'to_dict'):
        config = config.to_dict()
    return {
        key: plain_value(value)
        for key, value in config.items()
        if value is not None and not is_variable(config, key)
    }


def plain_value(value: Any) -> Any:
    """Convert a config value to its JSON form."""
    if isinstance(value, Mapping):
        return {
            str(key): plain_value(one)
            for key, one in value.items()
            if one is not None
        }
    if isinstance(value, (list, tuple)):
        return [plain_value(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if hasattr(value, 'item'):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, type) or callable(value):
        name = getattr(value, '__qualname__', type(value).__qualname__)
        return f'{value.__module__}.{name}'
    return repr(value)
