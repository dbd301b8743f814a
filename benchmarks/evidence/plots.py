"""Loss curves and accuracies of the campaign."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.evidence.specs import FEW
from benchmarks.evidence.table import (
    METHOD_NAMES,
    Results,
    fine_tunings,
    groups,
    measured,
)


def draw(results: Results, path: Path) -> None:
    """Plot losses over epochs, and the accuracy of each start.

    Args:
        results: Results of the campaign.
        path: PNG file to write.
    """
    figure = Figure(figsize=(12, 4.5), layout='tight')
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    colours = dict(zip(METHOD_NAMES, ('C0', 'C1', 'C2'), strict=True))
    bars: list[tuple[str, str, list[float]]] = []
    for title, specs in groups('train'):
        found = measured(specs, results)
        for number, result in enumerate(found):
            losses = result['loss_of_each_epoch']
            if losses:
                left.plot(
                    range(1, len(losses) + 1),
                    losses,
                    color=colours[specs[0].method],
                    label=None if number else title,
                )
        starts = [s.name if s.epochs else 'scratch' for s in specs]
        tuned = measured(fine_tunings(starts, FEW), results)
        for kind, values in (
            ('kNN', [r['figures']['knn'] for r in found]),
            (f'{FEW} labels', [r['figures']['accuracy'] for r in tuned]),
        ):
            if values:
                bars.append((title, kind, values))
    left.set(xlabel='epoch', ylabel='training loss', title='pretraining')
    if left.lines:
        left.legend(fontsize=7)
    for kind, colour in (('kNN', 'C7'), (f'{FEW} labels', 'C4')):
        chosen = [(t, v) for t, k, v in bars if k == kind]
        right.barh(
            [f'{title}: {kind}' for title, _ in chosen],
            [mean(values) for _, values in chosen],
            xerr=[stdev(v) if len(v) > 1 else 0 for _, v in chosen],
            color=colour,
        )
    right.invert_yaxis()
    right.tick_params(axis='y', labelsize=7)
    right.set(xlabel='accuracy', xlim=(0, 1), title='test images')
    figure.savefig(path, dpi=110, metadata={'Software': None})
