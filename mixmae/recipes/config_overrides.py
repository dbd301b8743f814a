"""Statements at the end of a config that set what options ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import option_statements
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import is_variable
from mixmae.recipes.setting import Setting


def overridden(
    settings: list[Setting],
    cfg: Config,
    overrides: Mapping[str, Any],
    arguments: Mapping[str, str],
) -> tuple[list[Setting], str]:
    """Apply options of the user to a recipe.

    Args:
        settings: Variables of the config.
        cfg: The config without the options.
        overrides: Values by dotted key.
        arguments: Arguments of the call by the variable that they decide.

    Returns:
        Settings, those of variables that the options name replaced; and
        statements that set the others.

    Raises:
        ConfigError: An option names no setting, has no effect, or has an
            argument of its own.
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
            statements += option_statements(cfg, key, value)
    return list(values.values()), '\n'.join(statements)
