"""Goals of the pretraining runs, with the measured results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import mean

from benchmarks.evidence.specs import (
    EQUAL_TIME,
    FEW,
    SCRATCH_EPOCHS,
    SEEDS,
    FineTuning,
)
from benchmarks.evidence.table import (
    Results,
    fine_tunings,
    groups,
    markdown,
    measured,
)

Goal = tuple[str, float, float | None]


def best(
    results: Results, figure: str, lowest: bool = False
) -> tuple[str, float | None]:
    """The best mean of a figure over the seeds of a pretraining.

    Returns:
        Which pretraining, and the figure; '' and None without a result.
    """
    found = []
    for title, specs in groups('train'):
        if specs[0].epochs:
            values = [
                result['figures'][figure]
                for result in measured(specs, results)
                if figure in result['figures']
            ]
            if values and (not lowest or specs[0].method == 'mixmae'):
                found.append((mean(values), title))
    if not found:
        return '', None
    value, title = min(found) if lowest else max(found)
    return f' ({title})', value


def few_label_accuracy(
    results: Results, starts: Iterable[str]
) -> float | None:
    """Mean accuracy with few labels at the common length."""
    found = measured(fine_tunings(starts, FEW), results)
    return mean(r['figures']['accuracy'] for r in found) if found else None


def points(higher: float | None, lower: float | None) -> float | None:
    """Difference of two accuracies in percentage points."""
    if higher is None or lower is None:
        return None
    return 100 * (higher - lower)


def starts(method: str, epochs: int) -> list[str]:
    """Names of the pretrainings of one method and length."""
    return [
        spec.name
        for _, specs in groups('train')
        for spec in specs
        if (spec.method, spec.variant, spec.epochs)
        == (method, 'recipe', epochs)
    ]


def _goals(results: Results) -> Iterator[Goal]:
    scratch = few_label_accuracy(results, ['scratch'])
    simmim = {e['mixmae']: e['simmim'] for e in EQUAL_TIME.values()}
    for epochs, scratch_epochs in SCRATCH_EPOCHS.items():
        mixmae = few_label_accuracy(results, starts('mixmae', epochs))
        name = f'MixMAE, {epochs} epochs'
        yield (
            f'{name}, {FEW} labels, minus from scratch at equal steps, points',
            20.0,
            points(mixmae, scratch),
        )
        longer = (
            FineTuning('scratch', FEW, scratch_epochs, seed) for seed in SEEDS
        )
        found = measured(longer, results)
        accuracy = [result['figures']['accuracy'] for result in found]
        yield (
            f'{name}, {FEW} labels, minus from scratch for {scratch_epochs} '
            f'epochs (equal total time), points',
            0.0,
            points(mixmae, mean(accuracy) if accuracy else None),
        )
        if epochs in simmim:
            other = few_label_accuracy(
                results, starts('simmim', simmim[epochs])
            )
            yield (
                f'{name}, {FEW} labels, minus SimMIM at equal time, points',
                5.0,
                points(mixmae, other),
            )
    for figure, name in (
        ('knn', 'best kNN'),
        ('knn_whitened', 'best kNN of whitened features'),
    ):
        title, value = best(results, figure)
        yield f'{name}{title}', 0.55, value


def goals_table(results: Results) -> str:
    """Goals, figures, and whether they are reached."""
    rows = [
        _row(
            title,
            f'at least {wanted:g}',
            value,
            value is not None and value >= wanted,
        )
        for title, wanted, value in _goals(results)
    ]
    title, value = best(results, 'ratio', lowest=True)
    rows.append(
        _row(
            f'error of hidden cells over that of their mean colour{title}',
            'below 1',
            value,
            value is not None and value < 1,
        )
    )
    return markdown(['figure', 'goal', 'measured', 'reached'], rows)


def _row(
    title: str, wanted: str, value: float | None, reached: bool
) -> list[str]:
    if value is None:
        return [title, wanted, 'not yet', '']
    digits = 2 if 'points' in title else 3
    return [title, wanted, f'{value:.{digits}f}', 'yes' if reached else 'no']
