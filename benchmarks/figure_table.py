"""Figures of several rounds: medians, quartiles, ratios, and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

# By candidate, figure and name of the statistic.
Summary = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Column:
    """A figure in the table.

    Attributes:
        key: Its name in the figures of a candidate.
        title: Its name in the table.
        unit: The table shows the figure divided by this.
        digits: Decimal places.
        spread: Whether to show the quartiles next to the median.
        ratio: Whether to show the ratio to the first candidate.
    """

    key: str
    title: str
    unit: float = 1.0
    digits: int = 2
    spread: bool = False
    ratio: bool = False


def summarise(
    names: Sequence[str], rounds: Sequence[Mapping[str, Mapping[str, Any]]]
) -> Summary:
    """Summarise every number of every candidate over the rounds.

    Args:
        names: Candidates; all are compared with the first that has figures.
        rounds: Figures by candidate; candidates may be missing.

    Returns:
        For each candidate and number its ``median``, ``lower`` and ``upper``
        quartile, ``rounds`` (how many have it), and ``ratio``, ``ratio_lower``
        and ``ratio_upper``: median and quartiles of its ratios to the first
        candidate's figure of the same round. Candidates without figures are
        missing, and ratios where no round has both.
    """
    found: Summary = {}
    base = next((x for x in names if any(x in one for one in rounds)), '')
    for name in names:
        for key in next((one[name] for one in rounds if name in one), ()):
            values: list[float] = []
            ratios: list[float] = []
            for one in rounds:
                value: Any = one.get(name, {}).get(key)
                if not _is_number(value):
                    continue
                values.append(value)
                reference: Any = one.get(base, {}).get(key)
                if _is_number(reference) and reference:
                    ratios.append(value / reference)
            if not values:
                continue
            row = {**spread(values), 'rounds': len(values)}
            if ratios:
                of_ratios = spread(ratios)
                row['ratio'] = of_ratios['median']
                row['ratio_lower'] = of_ratios['lower']
                row['ratio_upper'] = of_ratios['upper']
            found.setdefault(name, {})[key] = row
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles; of two values, these are the quartiles."""
    lower, upper = min(values), max(values)
    if len(values) > 2:
        lower, _, upper = quantiles(values, n=4, method='inclusive')
    return dict(median=median(values), lower=lower, upper=upper)


def table(title: str, summary: Summary, columns: Sequence[Column]) -> str:
    """Return a row for each candidate; a missing figure is a dash.

    Args:
        title: Title of the column of names.
        summary: See ``summarise``.
        columns: Figures to show.
    """
    first = next(iter(summary), '')
    rows = [[title]]
    for column in columns:
        rows[0].append(column.title)
        rows[0] += ['(quartiles)'] * column.spread
        rows[0] += [f'x {first}'] * column.ratio
    for name, figures in summary.items():
        rows.append([name])
        for column in columns:
            rows[-1] += _cells(figures.get(column.key), column)
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return '\n'.join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line: names aligned to the left, figures to the right."""
    cells = [row[0].ljust(widths[0])]
    cells += [x.rjust(n) for x, n in zip(row[1:], widths[1:], strict=True)]
    return '  '.join(cells).rstrip()


def _cells(row: Mapping[str, float] | None, column: Column) -> list[str]:
    if row is None:
        return ['-'] * (1 + column.spread + column.ratio)

    def number(name: str) -> str:
        return f'{row[name] / column.unit:.{column.digits}f}'

    cells = [number('median')]
    if column.spread:
        cells.append(f'({number("lower")} to {number("upper")})')
    if column.ratio:
        cells.append(format(row['ratio'], '.3f') if 'ratio' in row else '-')
    return cells


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
