"""Faults of labels, as the preflight and ``mixmae check-data`` report them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Level = Literal['error', 'warning', 'note']
SHOWN = 12


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


def named(label: int, names: Sequence[str] | None) -> str:
    """Return a label with its name, if it has one."""
    if names is None or not 0 <= label < len(names):
        return str(label)
    return f'{label} ({names[label]})'


def frequencies(
    counts: Counter[int], names: Sequence[str] | None = None
) -> str:
    """Format label counts as one line: all, or the extremes of many."""
    if not counts:
        return 'no labels'
    if len(counts) <= SHOWN:
        return ', '.join(
            f'{named(k, names)}: {counts[k]:,}' for k in sorted(counts)
        )
    ranked = [
        f'{named(k, names)}: {n:,}'
        for k, n in sorted(counts.items(), key=lambda item: (item[1], item))
    ]
    return (
        f'{len(counts)} classes, fewest {", ".join(ranked[:3])}, most '
        f'{", ".join(ranked[-1:-4:-1])}'
    )


def count_faults(
    source: str,
    counts: Counter[int],
    num_classes: int,
    names: Sequence[str] | None,
    is_complete: bool,
    unit: str = 'images',
) -> Iterator[LabelFault]:
    """Return faults: labels out of range, unused classes, a single class.

    Args:
        source: Source of the data, for messages.
        counts: Number of occurrences of each label.
        num_classes: Number of classes; labels must be smaller.
        names: Names of the classes.
        is_complete: Whether all data were counted, not a sample.
        unit: Unit of the counts.
    """
    ill = sorted(k for k in counts if not 0 <= k < num_classes)
    if ill:
        shown = listed([f'{k} in {counts[k]:,} {unit}' for k in ill])
        yield LabelFault(
            'label out of range',
            f'{source} has label {shown}; the head has {num_classes} '
            f'classes, labels 0 to {num_classes - 1}: correct the labels or '
            f'num_classes',
        )
    if not is_complete:
        return
    present = [k for k in counts if 0 <= k < num_classes]
    if len(present) == 1 and num_classes > 1:
        only = present[0]
        yield LabelFault(
            'only one class',
            f'{source} has only class {named(only, names)}, in all '
            f'{counts[only]:,} {unit}; the other {num_classes - 1} classes '
            f'never occur and cannot be learned or evaluated',
            'warning',
        )
    elif len(present) < num_classes and counts:
        missing = [
            named(k, names) for k in range(num_classes) if k not in counts
        ]
        yield LabelFault(
            'class without objects',
            f'{source}: {len(missing)} of {num_classes} classes never occur '
            f'({listed(missing)})',
            'note',
        )
