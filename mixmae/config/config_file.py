"""Configs, read with their options merged; an unknown key is an error."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Set
from pathlib import Path
from traceback import extract_tb
from typing import Any

import mmengine
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mixmae.config.config_variables import (
    VariableError,
    read_with_bases,
    with_variables,
)
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import RUN_KEYS, is_variable
from mixmae.fileio.address import hidden_address, is_address, public_address

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

LIBRARY = str(Path(mmengine.__file__).parent)


def read_config(
    path: str | os.PathLike,
    options: Mapping[str, Any] | None = None,
    unread: Set[str] = frozenset(),
) -> Config:
    """Read a config; its bases use its shared variables.

    Args:
        path: Path of a ``.py``, ``.yml``, ``.yaml`` or ``.json`` file.
        options: See ``apply_options``.
        unread: Keys that the run does not read.

    Raises:
        ConfigError: The file does not exist or cannot be read, an option does
            not match a setting or has no effect, or a part has another type.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ConfigError(f'config file {path} does not exist')
    try:
        cfg = read_with_bases(path)
    # A config is a program; any exception is an error in the file.
    except Exception as error:
        raise ConfigError(
            f'{path} is not a readable config: {reading_error(error)}'
        ) from error
    cfg = apply_options(cfg, options or {}, unread)
    check_kinds(cfg)
    return cfg


def reading_error(error: Exception) -> str:
    """Line on an exception of a config, or of a module that it imports.

    MMEngine reports a module of ``custom_imports`` that fails as one that is
    not found.
    """
    if isinstance(error, ImportError) and (
        error.__cause__ or error.__context__
    ):
        return import_failure(error)
    return _type_and_text(error)


def import_failure(error: BaseException) -> str:
    """Line on the first exception of a failed import, with its place."""
    while before := error.__cause__ or error.__context__:
        error = before
    text = _type_and_text(error)
    # A cause that was never raised has no place.
    frames = extract_tb(error.__traceback__)
    if not frames:
        return text
    frame = frames[-1]
    if frame.filename.startswith('<') or LIBRARY in frame.filename:
        return text
    return f'{text} ({frame.filename}, line {frame.lineno})'


def _type_and_text(error: BaseException) -> str:
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


def apply_options(
    cfg: Config, options: Mapping[str, Any], unread: Set[str] = frozenset()
) -> Config:
    """Set settings and variables of a config.

    Args:
        cfg: The config as its files state it.
        options: New values by dotted key.
        unread: Keys that the run does not read.

    Raises:
        ConfigError: An option does not match a setting, or has no effect, or
            a module of ``custom_imports`` fails.
    """
    known = set(cfg) | RUN_KEYS
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
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f'; did you mean {close[0]}?' if close else ''
            raise ConfigError(
                f'--cfg-options {option}: {key} is not a key of {cfg.filename}'
                + hint
            )
    variables: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for option, value in options.items():
        key = option.split('.')[0]
        kind = variables if key in cfg and is_variable(cfg, key) else settings
        kind[option] = value
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
    if any(key.split('.')[0] == 'custom_imports' for key in options):
        _import_custom_modules(cfg)
    return cfg


def import_own_modules(overrides: Mapping[str, Any] | None) -> None:
    """Import the modules of ``custom_imports`` in overrides of a config.

    For calls that build parts of them before they write the config.

    Raises:
        ValueError: The overrides are not a dict.
        ConfigError: A module fails.
    """
    if not overrides:
        return
    if not isinstance(overrides, Mapping):
        raise ValueError(
            f"overrides must be a dict such as {{'num_workers': 0}}, got "
            f'{overrides!r}'
        )
    cfg = Config()
    for key, value in overrides.items():
        if key.split('.')[0] == 'custom_imports':
            cfg.merge_from_dict({key: value})
    _import_custom_modules(cfg)


def _import_custom_modules(cfg: Config) -> None:
    """Import modules that an option adds; the config's are imported."""
    given = cfg.get('custom_imports')
    if not given:
        return
    try:
        import_modules_from_strings(**given)
    # A module is a program.
    except Exception as error:
        raise ConfigError(
            f'--cfg-options custom_imports={given}: {import_failure(error)}'
        ) from error


def check_kinds(cfg: Config) -> None:
    """Check that parts of a config are dicts or lists of dicts, paths text.

    Raises:
        ConfigError: A part has another type.
    """
    for key in DICTS:
        if not isinstance(cfg.get(key), (dict, type(None))):
            raise ConfigError(f'{key}={cfg[key]!r} must be a dict')
    hook = (cfg.get('default_hooks') or {}).get('checkpoint')
    out_dir = hook.get('out_dir') if isinstance(hook, dict) else None
    names = {key: cfg.get(key) for key in ('work_dir', 'load_from')}
    names['default_hooks.checkpoint.out_dir'] = out_dir
    for key, name in names.items():
        if name is not None and not (isinstance(name, str) and name.strip()):
            raise ConfigError(f'{key}={name!r} must be the text of a path')
        if name is not None and key != 'load_from' and is_address(name):
            raise ConfigError(
                f'{key}={public_address(name)} must be a local path: runs '
                'write to local and mounted disks only'
            )
    if not isinstance(cfg.get('resume'), (bool, type(None))):
        raise ConfigError(
            f'resume={cfg.resume!r} must be True or False; --resume '
            f'{cfg.resume} continues from that checkpoint'
        )
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
    old = parent.get(last) if isinstance(parent, dict) else None
    if isinstance(old, bool) and isinstance(value, str):
        # Any text is true.
        raise VariableError(
            f'{option}={value!r} must be True or False; it is {old}'
        )
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


def hide_addresses(cfg: Config) -> None:
    """Remove user names and tokens from the URLs in a config, in place.

    This process can still download from them (``hidden_address``).
    """
    _hide(cfg._cfg_dict)


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return hidden_address(value)
    if isinstance(value, dict):
        for key, old in list(value.items()):
            new = _hide(old)
            if new is not old:
                value[key] = new
    elif type(value) in (list, tuple):
        found = [_hide(one) for one in value]
        if any(new is not old for new, old in zip(found, value)):
            return type(value)(found)
    return value
