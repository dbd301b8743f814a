"""Settings of a run, and a config file of ours that is filled with them.

Settings replace the values, then overrides of the user (`--cfg-options`).
"""

from __future__ import annotations

import ast
import pprint
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mixmae.config.config_file import apply_options
from mixmae.config.config_paths import configs_folder
from mixmae.config.config_variables import (
    option_statements,
    read_with_bases,
)
from mixmae.config.failure_report import ConfigError
from mixmae.config.option_values import is_variable

WIDTH = 79


class Setting(NamedTuple):
    """A setting of a config that was derived or given.

    Attributes:
        name: Variable of the config.
        value: Numbers, strings, or lists and dicts of them.
        reason: Why it has this value, for the table and the config; '' leaves
            it out of the table.
    """

    name: str
    value: Any
    reason: str = ''


def settings_table(settings: Sequence[Setting]) -> str:
    """Return a table of the settings that have a reason."""
    shown = [one for one in settings if one.reason]
    names = max((len(one.name) for one in shown), default=0)
    values = [short(one.value) for one in shown]
    width = min(max(map(len, values), default=0), 26)
    indent = ' ' * (names + width + 4)
    lines = []
    for one, value in zip(shown, values):
        head = f'{one.name:<{names}}  {value:<{width}}  '
        if len(value) > width:
            lines.append(head.rstrip())
            head = indent
        lines += textwrap.wrap(
            one.reason,
            WIDTH,
            initial_indent=head,
            subsequent_indent=indent,
        )
    return '\n'.join(lines)


def short(value: Any) -> str:
    """Return a value as short text."""
    if isinstance(value, float):
        # Sample values of 16-bit images have five digits.
        return f'{value:.3g}' if abs(value) < 100 else f'{value:.0f}'
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        items = [short(item) for item in value]
        more = f', ... ({len(items)})' if len(items) > 4 else ''
        return ', '.join(items[:4]) + more
    return str(value)


class Code(str):
    """Python code as a value, such as the name of another variable."""

    def value(self, **variables: Any) -> Any:
        """Return its value for those of the variables that it names."""
        return eval(self, variables)


def template_text(name: str) -> str:
    """Return the text of a config, as 'classification/own-classes.py'.

    Raises:
        FileNotFoundError: The installation has no configs.
    """
    return (configs_folder() / name).read_text('utf-8')


def filled(text: str, header: str, settings: Sequence[Setting]) -> str:
    """Return a config with other values of its top-level variables.

    Comments and everything that is computed from the variables stay as they
    are.

    Args:
        text: Text of the config file; its first comment is replaced.
        header: Comment to begin with, without #.
        settings: New values. The reasons become comments.

    Raises:
        ValueError: The config does not assign such a variable.
    """
    values = {one.name: one for one in settings}
    lines = text.splitlines()
    assigned = _assignments(text)
    missing = sorted(set(values) - set(assigned))
    if missing:
        raise ValueError(f'the config has no variable {", ".join(missing)}')
    # From the end, so that the numbers of earlier lines hold.
    for name, (first, last) in reversed(assigned.items()):
        if name in values:
            lines[first - 1 : last] = _assignment(values[name])
    while lines and lines[0].startswith('#'):
        del lines[0]
    comment = [f'# {line}'.rstrip() for line in header.splitlines()]
    return '\n'.join([*comment, *lines]) + '\n'


def _assignments(text: str) -> dict[str, tuple[int, int]]:
    """Return the first and last line of the assignment of each variable."""
    found: dict[str, tuple[int, int]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(
            node.targets[0], ast.Name
        ):
            lines = (node.lineno, node.end_lineno or node.lineno)
            found.setdefault(node.targets[0].id, lines)
    return found


def _assignment(setting: Setting) -> list[str]:
    given = setting.reason
    # Names of variables and types are not capitalised.
    if given.partition(' ')[0].isalpha():
        given = given[:1].upper() + given[1:]
    comment = textwrap.wrap(
        '' if setting.reason.startswith('as given') else given,
        WIDTH,
        initial_indent='# ',
        subsequent_indent='# ',
    )
    return comment + f'{setting.name} = {literal(setting.value)}'.splitlines()


def literal(value: Any, indent: int = 0) -> str:
    """Return a value as Python code; dicts with names as ``dict(...)``."""
    if isinstance(value, Mapping) and value:
        inner = ' ' * (indent + 4)
        if not all(isinstance(k, str) and k.isidentifier() for k in value):
            return pprint.pformat(dict(value), width=WIDTH - indent)
        items = [
            f'{inner}{key}={literal(item, indent + 4)},\n'
            for key, item in value.items()
        ]
        flat = ', '.join(f'{k}={literal(v)}' for k, v in value.items())
        if len(flat) + indent < 60 and '\n' not in flat:
            return f'dict({flat})'
        return f'dict(\n{"".join(items)}{" " * indent})'
    if isinstance(value, str):
        return str(value) if isinstance(value, Code) else repr(value)
    if isinstance(value, list) and any(isinstance(x, Mapping) for x in value):
        inner = ' ' * (indent + 4)
        rows = [f'{inner}{literal(item, indent + 4)},\n' for item in value]
        return f'[\n{"".join(rows)}{" " * indent}]'
    text = pprint.pformat(value, width=WIDTH - 16 - indent, compact=True)
    if '\n' not in text:
        return text
    # From the second line on, one deeper than the first bracket.
    body = textwrap.indent(text[1:-1].replace('\n ', '\n'), ' ' * (indent + 4))
    return f'{text[0]}\n{body},\n{" " * indent}{text[-1]}'


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
    for key in overrides:
        argument = arguments.get(key.split('.')[0])
        if argument:
            raise ConfigError(
                f'{key}={overrides[key]!r}: use the argument {argument} '
                'instead, which also sets dependent settings'
            )
    plain = template_text(template)
    text = filled(plain, header, settings)
    if not overrides:
        return text, settings
    values = {one.name: one for one in settings}
    statements: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'config.py')
        path.write_text(text, encoding='utf-8')
        cfg = read_with_bases(path)
        # Without inherited ones; the statements change them.
        variables: dict[str, Any] = {}
        exec(compile(text, str(path), 'exec'), variables)
        apply_options(Config(cfg.to_dict(), filename=cfg.filename), overrides)
        for key, value in overrides.items():
            name = key.split('.')[0]
            if is_variable(cfg, name) and name in values:
                merged = Config({name: cfg[name]})
                merged.merge_from_dict({key: value})
                given = merged.to_dict()[name]
                values[name] = Setting(name, given, f'as given: {key}')
            else:
                statements += option_statements(cfg, key, value, variables)
    settings = list(values.values())
    text = filled(plain, header, settings)
    if statements:
        text += '\n# Options of the call.\n' + '\n'.join(statements) + '\n'
    return text, settings
