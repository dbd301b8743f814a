"""Figures of each class in a report, and the pictures of a classifier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dist import (
    all_gather_object,
    collect_results_gpu,
    get_rank,
    get_world_size,
)
from numpy import ndarray

from mixmae.evaluation.class_details import (
    NOTHING,
    ClassConfusion,
    object_counts,
    pixel_counts,
)
from mixmae.visualization.pictures import embedded_image, loaded_pixels

# Larger confusion matrices are no longer readable.
MOST_CLASSES = 40
FIGURES = {
    'images': ('precision', 'recall', 'f1'),
    'objects': ('precision', 'recall', 'f1'),
    'pixels': ('precision', 'recall', 'iou'),
}


def counts_part(
    counts: ndarray, names: Sequence[str], unit: str
) -> dict[str, Any]:
    """Return the confusion matrix of a report and the figures of its classes.

    Args:
        counts: Row = label, column = prediction, (K, K).
        names: Names of the K classes.
        unit: 'images', 'pixels' or 'objects'.

    Returns:
        ``unit``; ``classes`` and ``confusion``, with at most 40 classes;
        ``figures``: the rows of a table, of the most frequent classes.
    """
    rows = ClassConfusion(counts, names, unit).rows()
    rows = sorted(rows, key=lambda row: -float(row['count']))
    shown = ('class', 'count', *FIGURES[unit])
    part: dict[str, Any] = {
        'unit': unit,
        'figures': [
            {name: row[name] for name in shown} for row in rows[:MOST_CLASSES]
        ],
    }
    if len(names) <= MOST_CLASSES:
        part |= {'classes': list(names), 'confusion': counts.tolist()}
    return part


class ClassCounts:
    """Counts of labels and predictions of a detector or a segmentor.

    Args:
        dataset: Validation set of mmdet or mmseg.
    """

    def __init__(self, dataset: Any) -> None:
        classes = getattr(dataset, 'metainfo', {}).get('classes') or ()
        self.names = [str(name) for name in classes]
        self.size = len(dataset)
        self.unit = ''
        self.counts: Any = 0
        self.qualities: list[float] = []

    def add(self, samples: Iterable[Any]) -> None:
        """Count the samples of a batch, in the order of ``DefaultSampler``."""
        for sample in samples:
            found = image_counts(sample.to_dict(), len(self.names))
            if found is None:
                continue
            unit, counts = found
            number = len(self.qualities) * get_world_size() + get_rank()
            self.qualities.append(quality(unit, counts))
            # The sampler pads the last ranks by images from the front.
            if number < self.size:
                self.unit = unit
                self.counts = self.counts + counts

    def gather(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return ``counts_part`` and image numbers, the worst first.

        All ranks must call it. None without labels and on ranks other than 0.
        """
        qualities = collect_results_gpu(self.qualities, self.size)
        shares = all_gather_object((self.unit, self.counts))
        units = [unit for unit, _ in shares if unit]
        if not units or qualities is None:
            return None
        numbers = sorted(range(len(qualities)), key=qualities.__getitem__)
        names = [*self.names, NOTHING] if units[0] == 'objects' else self.names
        total = sum(counts for _, counts in shares)
        return counts_part(np.asarray(total), names, units[0]), numbers


def image_counts(sample: dict, classes: int) -> tuple[str, ndarray] | None:
    """Return unit and counts of an image; None without labels."""
    if 'pred_sem_seg' in sample and 'gt_sem_seg' in sample:
        maps = [sample[f'{kind}_sem_seg']['data'] for kind in ('gt', 'pred')]
        # A pipeline that resizes labels has none of the size of the image.
        if maps[0].shape != maps[1].shape:
            return None
        return 'pixels', pixel_counts(sample, classes)
    if 'bboxes' in sample.get('gt_instances', ()):
        return 'objects', object_counts(sample, classes)
    return None


def quality(unit: str, counts: ndarray) -> float:
    """Return the quality of the prediction of an image, 0 to 1.

    The mean IoU of the classes in the label of a segmentor; the F1 of the
    objects of a detector, 1 if there are none and none is found.
    """
    hits = counts.diagonal().astype(float)
    labelled, found = counts.sum(1), counts.sum(0)
    if unit == 'pixels':
        present = labelled > 0
        ious = hits / np.maximum(labelled + found - hits, 1)
        return float(ious[present].mean()) if present.any() else 0.0
    # The last row and column stand for nothing.
    objects = float(labelled[:-1].sum() + found[:-1].sum())
    return 2 * float(hits[:-1].sum()) / objects if objects else 1.0


LONGEST = 168


class ClassPrediction(NamedTuple):
    """Prediction of one image.

    Attributes:
        label: Number of the true class.
        predicted: Number of the class with the highest score.
        score: Probability of the true class, 0 to 1.
    """

    label: int
    predicted: int
    score: float

    @classmethod
    def of(cls, sample: Any) -> ClassPrediction | None:
        """Read a data sample of mmpretrain; None if it has several labels."""
        label = getattr(sample, 'gt_label', None)
        scores = getattr(sample, 'pred_score', None)
        if label is None or scores is None or torch.numel(label) != 1:
            return None
        number = int(label)
        if not 0 <= number < len(scores):
            return None
        return cls(number, int(scores.argmax()), float(scores[number]))


def prediction_part(
    predictions: Sequence[ClassPrediction], dataset: Any, count: int
) -> dict[str, Any] | None:
    """Return the confusion matrix and galleries of a report.

    All ranks must call it.

    Args:
        predictions: Predictions of this rank, in the order of MMEngine's
            ``DefaultSampler``.
        count: Images in each gallery.

    Returns:
        ``counts_part``, and ``galleries`` of the most certain errors and the
        least certain and most certain correct predictions. None without
        predictions and on ranks other than 0.
    """
    found = collect_results_gpu(list(predictions), len(dataset))
    if not found:
        return None
    names = list(getattr(dataset, 'metainfo', {}).get('classes') or ())
    number = 1 + max(max(one.label, one.predicted) for one in found)
    names += [str(i) for i in range(len(names), number)]
    counts = np.zeros((len(names), len(names)), dtype=int)
    for one in found:
        counts[one.label, one.predicted] += 1
    galleries = _galleries(found, dataset, names, count)
    return {**counts_part(counts, names, 'images'), 'galleries': galleries}


def _galleries(
    found: Sequence[ClassPrediction],
    dataset: Any,
    names: list[str],
    count: int,
) -> list[dict[str, Any]]:
    ordered = sorted(range(len(found)), key=lambda i: found[i].score)
    wrong = [i for i in ordered if found[i].predicted != found[i].label]
    right = [i for i in ordered if found[i].predicted == found[i].label]
    galleries = []
    for title, numbers in (
        ('Lowest probability of the true class', wrong[:count]),
        ('Correct, least certain', right[:count]),
        ('Correct, most certain', right[::-1][:count]),
    ):
        images = [
            {
                'image': embedded_image(
                    loaded_pixels(dataset[i]['inputs']), LONGEST
                ),
                'text': f'{names[found[i].label]} '
                f'({found[i].score:.2f}), predicted '
                f'{names[found[i].predicted]}',
            }
            for i in numbers
        ]
        if images:
            galleries.append({'title': title, 'images': images})
    return galleries
