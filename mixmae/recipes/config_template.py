"""A config file of ours with other values of its variables."""

from __future__ import annotations

import ast
import pprint
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from mixmae.config.config_paths import configs_folder
from mixmae.recipes.setting import Setting

WIDTH = 79


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
    assigned = dict(_assignments(text))
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


def _assignments(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Return variables with the first and last line of their assignment."""
    found: dict[str, tuple[int, int]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(
            node.targets[0], ast.Name
        ):
            lines = (node.lineno, node.end_lineno or node.lineno)
            found.setdefault(node.targets[0].id, lines)
    return sorted(found.items(), key=lambda item: item[1])


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
