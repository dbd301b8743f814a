"""Plots of a report, and the logged values in each."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from mixmae.visualization.loss_curve import LossCurve
from mixmae.visualization.report.run_history import RunHistory, Series

# A longer series is averaged in groups.
MOST_POINTS = 1500


class Plot(NamedTuple):
    """A plot and the names of its values.

    A name that ends in ``*`` stands for all names that begin like it.
    """

    title: str
    kind: str
    """Values logged in 'train' or 'val'."""
    names: tuple[str, ...]
    dashed: tuple[str, ...] = ()
    unit: str = ''


PLOTS = (
    Plot('Training loss', 'train', ('loss',)),
    Plot(
        'Held-out reconstruction error',
        'val',
        ('reconstruction/loss', 'reconstruction/mean_colour_loss'),
        ('reconstruction/mean_colour_loss',),
    ),
    Plot('Probes on frozen features', 'val', ('probe/*',), unit='accuracy'),
    Plot('Accuracy', 'val', ('accuracy/*', 'single-label/*'), unit='%'),
    Plot('Detection', 'val', ('coco/*_mAP',), unit='mAP'),
    Plot('Segmentation', 'val', ('mIoU', 'mAcc', 'aAcc'), unit='%'),
    Plot(
        'Parts of the loss', 'train', ('loss_*', 'decode.loss_*', 'aux.loss_*')
    ),
    Plot('Learning rate', 'train', ('lr',)),
    Plot('Throughput', 'train', ('img_per_s',), unit='images per second'),
    Plot('Data wait', 'train', ('data_wait',), unit='share of the time'),
    Plot('Memory', 'train', ('memory',), unit='MB'),
)
MOST_NAMES = 6
# Names of values in the legends.
LABELS = MappingProxyType({
    'reconstruction/loss': 'network',
    'reconstruction/mean_colour_loss': 'mean-colour filling',
    'probe/knn': 'kNN',
    'probe/linear': 'linear probe',
    'accuracy/top1': 'top-1',
    'accuracy/top5': 'top-5',
    'single-label/precision': 'precision',
    'single-label/recall': 'recall',
    'single-label/f1-score': 'F1',
    'coco/bbox_mAP': 'boxes',
    'coco/segm_mAP': 'masks',
    'lr': 'learning rate',
    'img_per_s': 'images per second',
    'data_wait': 'waiting for data',
})  # fmt: skip


def report_plots(
    runs: Sequence[tuple[str, RunHistory]],
    reference: LossCurve | None = None,
) -> list[dict[str, Any]]:
    """Return the plots that at least one run has values for.

    Args:
        runs: Name and history of each run.
        reference: Loss curve of the recipe, over epochs.

    Returns:
        For each plot ``title``, ``x`` and ``y`` labels and ``series`` with
        ``run`` (its number), ``label``, ``dashed``, ``x`` and ``y``.
    """
    found = []
    for plot in PLOTS:
        series = [
            _series(number, label, name in plot.dashed, values)
            for number, (run, history) in enumerate(runs)
            for name, values in _chosen(plot, history)
            for known in [LABELS.get(name, name)]
            for label in [known if len(runs) == 1 else f'{run}: {known}']
        ]
        if not series:
            continue
        epochs = all(history.unit == 'epoch' for _, history in runs)
        if plot.title == 'Training loss' and reference is not None and epochs:
            curve = Series(
                reference.epochs.tolist(), reference.losses.tolist()
            )
            series.append(_series(len(runs), 'reference curve', True, curve))
        units = sorted({history.unit for _, history in runs})
        found.append(
            {
                'title': plot.title,
                'x': ' or '.join(units),
                'y': plot.unit,
                'series': series,
            }
        )
    return found


def _chosen(plot: Plot, history: RunHistory) -> list[tuple[str, Series]]:
    values = getattr(history, plot.kind)
    names = [
        name for name in values if any(_fits(name, p) for p in plot.names)
    ]
    return [
        (name, values[name])
        for name in names[:MOST_NAMES]
        if values[name].finite
    ]


def _fits(name: str, pattern: str) -> bool:
    first, star, last = pattern.partition('*')
    if not star:
        return name == pattern
    return name.startswith(first) and name.endswith(last)


def _series(
    run: int, label: str, dashed: bool, values: Series
) -> dict[str, Any]:
    points = np.array(values.finite)
    groups = np.array_split(points, min(len(points), MOST_POINTS))
    means = [group.mean(0) for group in groups]
    return {
        'run': run,
        'label': label,
        'dashed': dashed,
        'x': [float(f'{step:.6g}') for step, _ in means],
        'y': [float(f'{value:.6g}') for _, value in means],
    }
