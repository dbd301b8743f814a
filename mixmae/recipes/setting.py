"""Derived settings of a run, and the table that prints them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

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


# NumPy's and MMEngine's.
LARGEST_SEED = 2**32 - 1


def check_seed(seed: Any) -> None:
    """Check the seed of a run.

    Raises:
        ValueError: It is not an integer of 0 to 2**32 - 1.
    """
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(
            f'seed must be a whole number of 0 to {LARGEST_SEED}, got {seed!r}'
        )
