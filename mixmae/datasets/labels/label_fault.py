"""Fault of labels, as the preflight and ``check_dataset.py`` report it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Level = Literal['error', 'warning', 'note']


class LabelFault(NamedTuple):
    """A fault of the labels of a data set.

    Attributes:
        kind: A few words that faults of one cause have in common.
        text: One line: what was compared, both values, how to mend it.
        level: 'error' if labels are wrong for certain: the preflight refuses
            the run. 'warning' if they may be wrong: the run starts with a
            warning, ``check_dataset.py`` counts a problem. 'note' if they
            are right and worth knowing: a warning of the preflight, a note
            of ``check_dataset.py``.
    """

    kind: str
    text: str
    level: Level = 'error'


def listed(names: Sequence[object], most: int = 5) -> str:
    """The first names, and how many more there are."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(str, names[:most])) + more
