"""The campaign's results as Markdown tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.evidence.specs import (
    CAMPAIGN,
    LABELS,
    TASKS,
    FineTuning,
    Pretraining,
    Spec,
    Transfer,
)

# Columns of frozen features, by the name of their figure.
FROZEN = {
    'ratio': 'error / mean colour',
    'knn': 'kNN',
    'knn_whitened': 'kNN, whitened',
    'linear': 'linear probe',
}
METHOD_NAMES = {'mixmae': 'MixMAE', 'um_mae': 'UM-MAE', 'simmim': 'SimMIM'}
Results = Mapping[str, Mapping[str, Any]]


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read all results, by the name of their run."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted(folder.glob('*.json'))
    }


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean, standard deviation and number of several values."""
    if not values:
        return ''
    if len(values) == 1:
        return f'{values[0]:.{digits}f} (1)'
    text = f'{mean(values):.{digits}f} ± {stdev(values):.{digits}f}'
    return f'{text} ({len(values)})'


def minutes(results: Iterable[Mapping[str, Any]], stage: str) -> list[float]:
    """Processor minutes of a stage in each result."""
    return [result['processor_seconds'][stage] / 60 for result in results]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def figures(results: Iterable[Mapping[str, Any]], name: str) -> str:
    """The spread of a figure over the results that have it."""
    found = (result['figures'].get(name) for result in results)
    return spread([value for value in found if value is not None])


def groups(images: str) -> list[tuple[str, list[Pretraining]]]:
    """Pretrainings that differ in their seed only, with a title."""
    found: dict[tuple, list[Pretraining]] = {}
    for spec in CAMPAIGN:
        if isinstance(spec, Pretraining) and spec.images == images:
            key = (spec.method, spec.variant, spec.epochs)
            found.setdefault(key, []).append(spec)
    titles = {}
    for method, variant, epochs in found:
        title = METHOD_NAMES[method]
        if variant != 'recipe':
            words = variant.replace('depth', 'decoder depth ')
            title = f'{title}, {words.replace("_", ", ")}'
        titles[method, variant, epochs] = (
            f'{title}, {epochs} epochs' if epochs else 'from scratch'
        )
    # What pretrainings are compared with comes first.
    order = sorted(found, key=lambda key: key[2] > 0)
    return [(titles[key], found[key]) for key in order]


def measured(specs: Iterable[Spec], results: Results) -> list[Mapping]:
    """The results of those runs that have one."""
    return [results[spec.name] for spec in specs if spec.name in results]


def selection_table(results: Results) -> str:
    """Short runs on nine tenths of the training images."""
    head = ['run', 'minutes', *FROZEN.values()]
    rows = []
    for title, specs in groups('selection'):
        found = measured(specs, results)
        if not found:
            continue
        rows.append(
            [
                title,
                spread(minutes(found, 'train'), 1),
                *(figures(found, name) for name in FROZEN),
            ]
        )
    return markdown(head, rows)


def fine_tunings(starts: Iterable[str], labels: int) -> list[FineTuning]:
    """The fine-tunings from these starts at the common length."""
    chosen = set(starts)
    return [
        spec
        for spec in CAMPAIGN
        if isinstance(spec, FineTuning)
        and spec.images == 'train'
        and spec.start in chosen
        and (spec.labels, spec.epochs) == (labels, LABELS[labels])
    ]


def main_table(results: Results) -> str:
    """One row for each pretraining, and for each start from scratch."""
    head = ['start', 'minutes', *FROZEN.values()]
    head += [
        f'{labels or "all"} labels, {epochs} epochs'
        for labels, epochs in LABELS.items()
    ]
    rows = []
    for title, specs in groups('train'):
        found = measured(specs, results)
        starts = [s.name if s.epochs else 'scratch' for s in specs]
        cost = [r for r in found if 'train' in r['processor_seconds']]
        row = [title, spread(minutes(cost, 'train'), 1)]
        row += [figures(found, name) for name in FROZEN]
        for labels in LABELS:
            tuned = measured(fine_tunings(starts, labels), results)
            row.append(figures(tuned, 'accuracy'))
        if any(row[1:]):
            rows.append(row)
    return markdown(head, rows)


def long_table(results: Results) -> str:
    """Starts from scratch that are given a pretraining's time, too."""
    found: dict[tuple[int, int], list[FineTuning]] = {}
    for spec in CAMPAIGN:
        if isinstance(spec, FineTuning) and spec.start == 'scratch':
            if spec.images != 'train':
                continue
            key = (spec.labels, spec.epochs)
            found.setdefault(key, []).append(spec)
    rows = []
    for (labels, epochs), specs in sorted(found.items()):
        done = measured(specs, results)
        cost = spread(minutes(done, 'train'), 1)
        row = [f'{labels or "all"}', f'{epochs}', cost]
        if done:
            rows.append([*row, figures(done, 'accuracy')])
    head = ['labels', 'epochs from scratch', 'minutes', 'accuracy']
    return markdown(head, rows)


def small_table(results: Results) -> str:
    """Pretraining and fine-tuning on the same few images, all labelled."""
    found: dict[tuple[str, int], list[FineTuning]] = {}
    for spec in CAMPAIGN:
        if isinstance(spec, FineTuning) and spec.images == 'small':
            found.setdefault((spec.start, spec.epochs), []).append(spec)
    titles = {
        one.name: title for title, specs in groups('small') for one in specs
    }
    rows = []
    for (start, epochs), specs in found.items():
        done = measured(specs, results)
        if not done:
            continue
        frozen = results.get(start, {'figures': {}, 'processor_seconds': {}})
        before = frozen['processor_seconds'].get('train', 0) / 60
        cost = [before + one for one in minutes(done, 'train')]
        rows.append(
            [
                titles.get(start, 'from scratch'),
                f'{epochs}',
                spread(cost, 1),
                *(figures([frozen], name) for name in ('ratio', 'knn')),
                figures(done, 'accuracy'),
            ]
        )
    head = ['start', 'epochs of fine-tuning', 'minutes, both']
    head += [FROZEN['ratio'], FROZEN['knn'], 'accuracy']
    return markdown(head, rows)


def transfers(results: Results) -> Iterator[tuple[str, str, list[Mapping]]]:
    """Yield task, title of the start, and results of each other task."""
    found: dict[tuple[str, str], list[Transfer]] = {}
    for spec in CAMPAIGN:
        if isinstance(spec, Transfer):
            found.setdefault((spec.task, spec.start), []).append(spec)
    titles = {
        one.name: title for title, specs in groups('train') for one in specs
    }
    for (task, start), specs in found.items():
        done = measured(specs, results)
        if done:
            yield task, titles.get(start, 'from scratch'), done


def transfer_table(results: Results) -> str:
    """The figures of each other task, pretrained and from scratch."""
    rows = [
        [
            task,
            title,
            spread(minutes(done, 'train'), 1),
            name,
            figures(done, name),
        ]
        for task, title, done in transfers(results)
        for name in TASKS[task].figures
    ]
    return markdown(['task', 'start', 'minutes', 'figure', 'value'], rows)


def progress(results: Results) -> str:
    """Return the progress of the campaign and the missing runs."""
    missing = [spec for spec in CAMPAIGN if spec.name not in results]
    done = len(CAMPAIGN) - len(missing)
    lines = [f'{done} of {len(CAMPAIGN)} runs are done.']
    if missing:
        lines.append('Missing, in the order in which they come:\n')
    for images, what in (
        ('selection', 'selection'),
        ('train', 'pretraining'),
        ('small', 'pretraining on a tenth of the images'),
    ):
        for title, specs in groups(images):
            seeds = [s.seed for s in specs if s in missing]
            if seeds:
                lines.append(f'- {what}: {title}, seeds {seeds}')
    tuned = Counter(
        (spec.labels, spec.epochs)
        for spec in missing
        if isinstance(spec, FineTuning)
    )
    for (labels, epochs), count in tuned.items():
        lines.append(
            f'- fine-tuning, {labels or "all"} labels, {epochs} epochs: '
            f'{count} runs'
        )
    moved = Counter(s.task for s in missing if isinstance(s, Transfer))
    lines += [f'- transfer to {task}: {n} runs' for task, n in moved.items()]
    return '\n'.join(lines)
