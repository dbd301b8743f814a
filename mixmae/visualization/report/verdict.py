"""Verdict on a run in one sentence; docs/report.md has the rules."""

from __future__ import annotations

import math
from types import MappingProxyType

from mixmae.visualization.report.run_history import RunHistory, Series

# A change of the last quarter below this share counts as none.
FLAT = 0.01
# The last value may be this share worse than the best one.
WORSE = 0.02
# Least number of validations that show a trend.
LEAST_POINTS = 4
# Metrics of fine-tuning, higher is better, in the order of preference.
METRICS = MappingProxyType({
    'accuracy/top1': 'top-1 accuracy',
    'coco/segm_mAP': 'mask mAP',
    'coco/bbox_mAP': 'box mAP',
    'mIoU': 'mIoU',
    'single-label/f1-score': 'F1',
})  # fmt: skip


def verdict(history: RunHistory) -> str:
    """Return the verdict on a pretraining or a fine-tuning.

    The first rule that holds decides: a loss that is not finite; a held-out
    error at or above that of mean-colour filling; one that rises again; one
    that still falls; one that is flat. Fine-tuning is judged by its metric in
    the same way. The documentation lists the rules with their thresholds.
    """
    loss = history.train.get('loss', Series())
    bad = [
        step
        for step, value in zip(loss.steps, loss.values, strict=True)
        if not math.isfinite(value)
    ]
    if bad and bad[-1] == loss.steps[-1]:
        return (
            f'The loss is not finite from {history.unit} {bad[0]:g} on: use a '
            f'lower learning rate, gradient clipping, or float32.'
        )
    ratio = history.val.get('reconstruction/ratio')
    error = history.val.get('reconstruction/loss')
    if error is not None and error.finite:
        text = _of_error(error, ratio, history.unit)
        return text[0].upper() + text[1:]
    for name, shown in METRICS.items():
        metric = history.val.get(name)
        if metric is not None and metric.finite:
            return _of_metric(shown, metric, history.unit)
    if loss.finite:
        return (
            'No held-out images were evaluated; the training loss alone does '
            'not show what the network has learned. Configure a '
            'val_dataloader.'
        )
    return 'The run has logged no loss yet.'


def _of_error(error: Series, ratio: Series | None, unit: str) -> str:
    values = [value for _, value in error.finite]
    last, best = values[-1], min(values)
    share = ratio.finite[-1][1] if ratio is not None and ratio.finite else None
    if share is not None and share >= 1:
        return (
            f'The network is worse than filling each hidden cell with its '
            f'mean colour ({share:.2f} times its error): train longer, and '
            f'check the learning rate and the images after the pipeline.'
        )
    start = ''
    if share is not None:
        start = f'{share:.2f} times the error of mean-colour filling; '
    if last > best * (1 + WORSE):
        step = error.finite[values.index(best)][0]
        return (
            f'{start}the held-out error has risen since {unit} {step:g} '
            f'({best:.3f} to {last:.3f}): stop there, or use more images.'
        )
    change = _late_change(values)
    if change is None:
        return (
            f'{start}there are too few validations to show a trend: '
            f'{len(values)}, and {LEAST_POINTS} are needed.'
        )
    if change < -FLAT:
        return (
            f'{start}the held-out error still falls (by {-change:.1%} in the '
            f'last quarter): a longer training is likely to help.'
        )
    return (
        f'{start}the held-out error is flat in the last quarter ({change:+.1%}'
        f'): a longer schedule or another setting is needed to lower it.'
    )


def _of_metric(name: str, metric: Series, unit: str) -> str:
    values = [value for _, value in metric.finite]
    last, best = values[-1], max(values)
    step = metric.finite[values.index(best)][0]
    text = f'The {name} is {last:.3f}'
    if last < best * (1 - WORSE):
        return (
            f'{text}, below the best of {best:.3f} at {unit} {step:g}: use '
            f'that checkpoint, or train for fewer epochs.'
        )
    change = _late_change(values)
    if change is None:
        return (
            f'{text}; there are too few validations to show a trend: '
            f'{len(values)}, and {LEAST_POINTS} are needed.'
        )
    if change > FLAT:
        return (
            f'{text} and still rises (by {change:.1%} in the last quarter): '
            f'a longer training is likely to help.'
        )
    return f'{text} and flat in the last quarter ({change:+.1%}).'


def _late_change(values: list[float]) -> float | None:
    """Relative change in the last quarter, None if there are too few."""
    if len(values) < LEAST_POINTS:
        return None
    before = values[-1 - max(1, len(values) // 4)]
    if before == 0:
        return 0.0
    return (values[-1] - before) / abs(before)
