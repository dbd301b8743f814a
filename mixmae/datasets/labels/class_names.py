"""Class names: validation of a list, and comparison of two lists."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from mixmae.datasets.labels.label_fault import LabelFault, listed


class ClassList(NamedTuple):
    """Class names in the order of their labels.

    Attributes:
        source: Source of the names, for messages.
        names: Name k is the name of label k.
    """

    source: str
    names: Sequence[str]


def name_faults(source: str, names: Any) -> list[LabelFault]:
    """Return the faults of one list of class names.

    Args:
        source: Source of the names, for messages.
        names: Any value; a list or tuple of distinct strings has no fault.
    """
    if isinstance(names, str):
        text = (
            f'{source}: classes={names!r} is a string, read as {len(names)} '
            f'classes of one letter; a tuple of one class needs a comma: '
            f'classes=({names!r},)'
        )
        return [LabelFault('class names', text)]
    if not isinstance(names, (list, tuple)) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        text = (
            f'{source}: classes={names!r} must be a tuple of names, none of '
            f'them empty'
        )
        return [LabelFault('class names', text)]
    if not names:
        text = f'{source}: classes is empty; name at least one class'
        return [LabelFault('class names', text)]
    faults = []
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        text = (
            f'{source}: {listed(twice)} is repeated in the {len(names)} '
            f'classes; each name must be unique'
        )
        faults.append(LabelFault('class names', text))
    return faults + case_faults(source, names)


def case_faults(source: str, names: Sequence[str]) -> list[LabelFault]:
    """Return names that differ only in case or in surrounding spaces."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault(_folded(name), set()).add(name)
    return [
        LabelFault(
            'class names',
            f'{source}: {" and ".join(map(repr, sorted(same)))} count as '
            f'different classes; rename one if they are the same',
            'warning',
        )
        for same in spellings.values()
        if len(same) > 1
    ]


def order_faults(
    first: ClassList, second: ClassList, mend: str, by_name: bool = False
) -> list[LabelFault]:
    """Compare two lists in which position k must be the same class.

    Args:
        first: Reference list.
        second: List reported as faulty.
        mend: How to fix it, the end of the message.
        by_name: Whether the second list may be a subset of the first; the
            order must agree in any case.
    """
    ours, theirs = list(first.names), list(second.names)
    known, used = set(ours), set(theirs)
    missing = [name for name in ours if name not in used]
    extra = [name for name in theirs if name not in known]
    if by_name and not extra:
        ours, missing = [name for name in ours if name in used], []
    if ours == theirs:
        return []
    place = _first_change(ours, theirs)
    if not missing and not extra and len(ours) == len(theirs):
        text = (
            f'{second.source} has the classes of {first.source} in another '
            f'order: label {place} is {theirs[place]!r} here and '
            f'{ours[place]!r} there; {mend}'
        )
        return [LabelFault('order of classes', text)]
    folded = [[_folded(name) for name in names] for names in (ours, theirs)]
    if sorted(folded[0]) == sorted(folded[1]):
        there = next(n for n in missing if _folded(n) == _folded(extra[0]))
        text = (
            f'{second.source}: class {extra[0]!r} is spelled {there!r} in '
            f'{first.source}'
        )
        if folded[0] == folded[1]:
            return [LabelFault('classes differ', f'{text}; {mend}', 'warning')]
        text += ', which changes the order of the labels'
        return [LabelFault('classes differ', f'{text}; {mend}')]
    parts = []
    if not missing and not extra:
        parts.append(
            f'has {len(theirs)} class names, some of them repeated; '
            f'{first.source} has {len(ours)}'
        )
    if missing:
        parts.append(
            f'lacks class {listed(missing)}, which {first.source} has'
        )
    if extra:
        parts.append(f'has class {listed(extra)}, which {first.source} lacks')
    text = f'{second.source}: {" and ".join(parts)}'
    # Labels agree where the shorter list is a prefix of the longer.
    if place == min(len(ours), len(theirs)):
        return [LabelFault('classes differ', f'{text}; {mend}', 'warning')]
    text += f'; labels from {place} on mean other classes'
    return [LabelFault('classes differ', f'{text}; {mend}')]


def _first_change(ours: Sequence[str], theirs: Sequence[str]) -> int:
    return next(
        (k for k, (a, b) in enumerate(zip(ours, theirs)) if a != b),
        min(len(ours), len(theirs)),
    )


def _folded(name: str) -> str:
    return name.strip().casefold()
