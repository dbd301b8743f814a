"""Options of a command line, applied to a config."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Set
from typing import Any

from mmengine.config import Config

from mixmae.config.config_error import ConfigError
from mixmae.config.config_variables import VariableError, with_variables
from mixmae.config.run_keys import RUN_KEYS, is_variable

DICTS = (
    'auto_scale_lr',
    'default_hooks',
    'env_cfg',
    'log_processor',
    'model',
    'model_wrapper_cfg',
    'optim_wrapper',
    'randomness',
    'strategy',
    'test_cfg',
    'test_dataloader',
    'train_cfg',
    'train_dataloader',
    'val_cfg',
    'val_dataloader',
    'visualizer',
)


def known_keys(cfg: Config) -> set[str]:
    """Return the allowed names of top-level keys of this config."""
    return set(cfg) | RUN_KEYS


def apply_options(
    cfg: Config, options: Mapping[str, Any], unread: Set[str] = frozenset()
) -> Config:
    """Set settings and variables of a config.

    Args:
        cfg: The config as its files state it.
        options: New values by dotted key.
        unread: Keys that the run does not read.

    Raises:
        ConfigError: An option does not match a setting, or has no effect.
    """
    for option in options:
        key, *below = option.split('.')
        if key in unread:
            near = [
                f'{split}_{key.partition("_")[2]}'
                for split in ('train', 'val', 'test')
            ]
            read = [name for name in near if name in cfg.keys() - unread]
            others = ' or '.join('.'.join([name, *below]) for name in read)
            raise ConfigError(
                f'--cfg-options {option}: this run does not read {key}; '
                + (f'set {others}, or ' if others else '')
                + 'leave it out'
            )
        if key not in known_keys(cfg):
            close = difflib.get_close_matches(key, known_keys(cfg), 1)
            hint = f'; did you mean {close[0]}?' if close else ''
            raise ConfigError(
                f'--cfg-options {option}: {key} is not a key of {cfg.filename}'
                + hint
            )
    variables = {
        option: value
        for option, value in options.items()
        if option.split('.')[0] in cfg
        and is_variable(cfg, option.split('.')[0])
    }
    settings = {
        option: value
        for option, value in options.items()
        if option not in variables
    }
    try:
        cfg = with_variables(cfg, variables, unread)
        for option, value in settings.items():
            _merge(cfg, option, value)
    # A config is a program; with new values it can raise any exception.
    except Exception as error:
        text = str(error.args[0] if isinstance(error, KeyError) else error)
        if not isinstance(error, VariableError):
            said = ' '.join(f'{key}={new!r}' for key, new in options.items())
            text = f'{said}: {type(error).__name__}: {text}'
        raise ConfigError(f'--cfg-options {text}') from error
    return cfg


def check_kinds(cfg: Config) -> None:
    """Check that parts of a config are dicts, or lists of dicts.

    Raises:
        ConfigError: A part has another type.
    """
    for key in DICTS:
        if not isinstance(cfg.get(key), (dict, type(None))):
            raise ConfigError(f'{key}={cfg[key]!r} must be a dict')
    hooks = cfg.get('custom_hooks')
    if hooks is not None and not (
        isinstance(hooks, (list, tuple))
        and all(isinstance(hook, dict) for hook in hooks)
    ):
        raise ConfigError(f'custom_hooks={hooks!r} must be a list of dicts')


def _merge(cfg: Config, option: str, value: Any) -> None:
    """Merge an option, which may refer to an element of a list or tuple."""
    place, _, last = option.rpartition('.')
    parent: Any = cfg._cfg_dict
    for name in place.split('.') if place else ():
        if isinstance(parent, (list, tuple)) and name.isdecimal():
            parent = parent[int(name)] if int(name) < len(parent) else None
        else:
            parent = parent.get(name) if isinstance(parent, dict) else None
    if (
        isinstance(parent, (list, tuple))
        and last.isdecimal()
        and int(last) < len(parent)
        and not isinstance(value, dict)
    ):
        # MMEngine supports only elements that are dicts.
        items = [*parent]
        items[int(last)] = value
        _merge(cfg, place, type(parent)(items))
    else:
        cfg.merge_from_dict({option: value})
