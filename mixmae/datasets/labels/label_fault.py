"""Fault of labels, as reported by the preflight and ``mixmae check-data``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Level = Literal['error', 'warning', 'note']


class LabelFault(NamedTuple):
    """A fault of the labels of a dataset.

    Attributes:
        kind: Short label shared by faults of the same cause.
        text: One line: the compared sources, both values, and the remedy.
        level: 'error' if labels are certainly wrong: the preflight rejects
            the run. 'warning' if they may be wrong: the run starts with a
            warning, ``mixmae check-data`` counts a problem. 'note' if they are
            correct but notable: a warning of the preflight, a note of
            ``mixmae check-data``.
    """

    kind: str
    text: str
    level: Level = 'error'


def condensed(faults: Iterable[LabelFault]) -> list[LabelFault]:
    """Return the first fault of each kind, with the number of the others."""
    groups: dict[tuple[str, Level], list[LabelFault]] = {}
    for fault in faults:
        groups.setdefault((fault.kind, fault.level), []).append(fault)
    return [
        first._replace(text=f'{first.text} ({len(more):,} more of this kind)')
        if more
        else first
        for first, *more in groups.values()
    ]


def listed(names: Sequence[object], most: int = 5) -> str:
    """Format the first names, and the number of remaining ones."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(str, names[:most])) + more
