"""Confusion matrices, and the figures of each class that follow."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from mixmae.fileio.atomic_write import atomic_write

# Classes in a printed table.
SHOWN = 40
COLUMNS = ('class', 'count', 'precision', 'recall', 'f1', 'iou')


@dataclass(frozen=True)
class ClassConfusion:
    """Counts of labels and predictions.

    Attributes:
        counts: Row = label, column = prediction, (K, K).
        names: Names of the K classes; for objects, the last one stands for
            nothing: no object, or none found.
        unit: What is counted: 'images', 'pixels' or 'objects'.
    """

    counts: ndarray
    names: Sequence[str]
    unit: str

    def rows(self) -> list[dict[str, str | float]]:
        """Return count, precision, recall, F1 and IoU of each class.

        A figure without a case is NaN. Counts are those of the labels.
        """
        counts = self.counts.astype(np.float64)
        rows: list[dict[str, str | float]] = []
        for label, name in enumerate(self.names):
            if self.unit == 'objects' and label == len(self.names) - 1:
                break
            hits = counts[label, label]
            labelled, found = counts[label].sum(), counts[:, label].sum()
            rows.append({
                'class': name,
                'count': int(labelled),
                'precision': _ratio(hits, found),
                'recall': _ratio(hits, labelled),
                'f1': _ratio(2 * hits, labelled + found),
                'iou': _ratio(hits, labelled + found - hits),
            })  # fmt: skip
        return rows

    def text(self) -> str:
        """Return a table of the classes, the most frequent ones first."""
        rows = sorted(self.rows(), key=lambda row: -float(row['count']))
        width = max(5, *(len(str(row['class'])) for row in rows[:SHOWN]))
        head = f'{"class":<{width}}  {self.unit:>12}'
        lines = [head + ''.join(f'{name:>11}' for name in COLUMNS[2:])]
        for row in rows[:SHOWN]:
            figures = ''.join(f'{row[name]:>11.3f}' for name in COLUMNS[2:])
            lines.append(
                f'{row["class"]:<{width}}  {row["count"]:>12,}{figures}'
            )
        if len(rows) > SHOWN:
            lines.append(f'and {len(rows) - SHOWN} more')
        return '\n'.join(lines)

    def write(self, folder: Path) -> None:
        """Write ``classes.csv``, ``confusion.csv`` and ``confusion.png``."""
        with atomic_write(folder / 'classes.csv') as partial:
            rows = [[row[name] for name in COLUMNS] for row in self.rows()]
            write_table(partial, [COLUMNS, *rows])
        with atomic_write(folder / 'confusion.csv') as partial:
            body = [
                [name, *counts]
                for name, counts in zip(self.names, self.counts.tolist())
            ]
            write_table(partial, [['label \\ prediction', *self.names], *body])
        self._draw(folder / 'confusion.png')

    def _draw(self, path: Path) -> None:
        """Draw the shares of each row."""
        # A test without this picture does not load it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        total = self.counts.sum(1, keepdims=True)
        shares = self.counts / np.maximum(total, 1)
        size = min(3 + 0.4 * len(self.names), 24)
        figure = Figure((size + 1, size), layout='constrained')
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        figure.colorbar(image, label='share of the label', shrink=0.8)
        places = range(len(self.names))
        axes.set_xticks(places, self.names, rotation=90)
        axes.set_yticks(places, self.names)
        axes.set_xlabel('prediction')
        axes.set_ylabel('label')
        if len(self.names) <= 20:
            for row, column in np.argwhere(self.counts):
                axes.text(
                    column,
                    row,
                    f'{100 * shares[row, column]:.0f}',
                    ha='center',
                    va='center',
                    color='white' if shares[row, column] > 0.5 else 'black',
                )
        with atomic_write(path) as partial, partial.open('wb') as file:
            FigureCanvasAgg(figure).print_png(file)


def write_table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open('w', encoding='utf-8', newline='') as file:
        csv.writer(file).writerows(rows)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
