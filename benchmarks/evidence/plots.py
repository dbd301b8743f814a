"""Loss curves and accuracies of the campaign."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.evidence.specs import LABELS, TASKS
from benchmarks.evidence.table import (
    METHOD_NAMES,
    Results,
    fine_tunings,
    groups,
    measured,
    transfers,
)


def draw(results: Results, path: Path) -> None:
    """Plot losses over epochs, and what each start reaches.

    Args:
        results: Results of the campaign.
        path: PNG file to write.
    """
    figure = Figure(figsize=(12, 6.5), layout='tight')
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_losses(left, results)
    _draw_figures(right, results)
    figure.savefig(path, dpi=110, metadata={'Software': None})


def _draw_losses(axes: Any, results: Results) -> None:
    colours = dict(zip(METHOD_NAMES, ('C0', 'C1', 'C2'), strict=True))
    pretrainings = groups('train')
    longest = max(specs[0].epochs for _, specs in pretrainings)
    for title, specs in pretrainings:
        for number, result in enumerate(measured(specs, results)):
            losses = result['loss_of_each_epoch']
            if losses:
                axes.plot(
                    range(1, len(losses) + 1),
                    losses,
                    color=colours[specs[0].method],
                    # Longer runs of a method are darker.
                    alpha=0.35 + 0.65 * min(1, 2 * len(losses) / longest),
                    label=None if number else title,
                )
    axes.set(xlabel='epoch', ylabel='training loss', title='pretraining')
    if axes.lines:
        axes.legend(fontsize=7)


def _draw_figures(axes: Any, results: Results) -> None:
    bars: dict[str, list[tuple[str, list[float]]]] = {}

    def add(kind: str, title: str, found: list, name: str) -> None:
        if found:
            values = [one['figures'][name] for one in found]
            bars.setdefault(kind, []).append((title, values))

    for title, specs in groups('train'):
        add('kNN', title, measured(specs, results), 'knn')
    for labels in LABELS:
        for title, specs in groups('train'):
            starts = [s.name if s.epochs else 'scratch' for s in specs]
            found = measured(fine_tunings(starts, labels), results)
            kind = f'{labels or "all"} labels'
            add(kind, title, found, 'accuracy')
    for task, title, done in transfers(results):
        for name in TASKS[task].figures:
            add(f'{task}, {name}', title, done, name)
    for kind, rows in bars.items():
        rows.sort(key=lambda row: row[0] != 'from scratch')
        axes.barh(
            [f'{kind}: {title}' for title, _ in rows],
            [mean(values) for _, values in rows],
            xerr=[stdev(v) if len(v) > 1 else 0 for _, v in rows],
        )
    axes.invert_yaxis()
    axes.tick_params(axis='y', labelsize=7)
    axes.set(xlim=(0, 1), title='accuracy, mIoU or AP on test images')
