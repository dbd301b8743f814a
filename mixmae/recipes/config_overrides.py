"""Overrides (`--cfg-options`) of a recipe, written into its config."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import (
    option_statements,
    read_with_bases,
)
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import is_variable
from mixmae.recipes.config_template import filled, template_text
from mixmae.recipes.setting import Setting


def config_text(
    template: str,
    header: str,
    settings: list[Setting],
    overrides: Mapping[str, Any],
    arguments: Mapping[str, str],
) -> tuple[str, list[Setting]]:
    """Return the text of a config with the options of the user.

    Args:
        template: The config that is filled in, below ``configs/``.
        header: Comment to begin with, without #.
        settings: Variables of the config.
        overrides: Values by dotted key.
        arguments: Arguments of the call by the variable that they decide.

    Returns:
        The text, and the settings with those that the options replace.

    Raises:
        ConfigError: An option names no setting, has no effect, or has an
            argument of its own.
    """
    plain = template_text(template)
    text = filled(plain, header, settings)
    if not overrides:
        return text, settings
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'config.py')
        path.write_text(text, encoding='utf-8')
        cfg = read_with_bases(path)
        own: dict[str, Any] = {}
        exec(compile(text, str(path), 'exec'), own)
        settings, statements = _overridden(
            settings, cfg, overrides, arguments, own
        )
    text = filled(plain, header, settings)
    if statements:
        text += f'\n# Options of the call.\n{statements}\n'
    return text, settings


def _overridden(
    settings: list[Setting],
    cfg: Config,
    overrides: Mapping[str, Any],
    arguments: Mapping[str, str],
    own: dict[str, Any],
) -> tuple[list[Setting], str]:
    """Apply options to a recipe; see ``config_text``.

    Args:
        cfg: The config without the options.
        own: Variables of the config's text, without inherited ones; changed.

    Returns:
        Settings, those of variables that the options name replaced; and
        statements that set the others.
    """
    for key in overrides:
        argument = arguments.get(key.split('.')[0])
        if argument:
            raise ConfigError(
                f'{key}={overrides[key]!r}: use the argument {argument} '
                'instead, which also sets dependent settings'
            )
    apply_options(Config(cfg.to_dict(), filename=cfg.filename), overrides)
    values = {one.name: one for one in settings}
    statements: list[str] = []
    for key, value in overrides.items():
        name = key.split('.')[0]
        if is_variable(cfg, name) and name in values:
            merged = Config({name: cfg[name]})
            merged.merge_from_dict({key: value})
            plain = merged.to_dict()[name]
            values[name] = Setting(name, plain, f'as given: {key}')
        else:
            statements += option_statements(cfg, key, value, own)
    return list(values.values()), '\n'.join(statements)
