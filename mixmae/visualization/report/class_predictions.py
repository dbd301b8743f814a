"""Predictions of a classifier in a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dist import get_rank

from mixmae.visualization.report.class_counts import (
    counts_part,
    gather_in_order,
)
from mixmae.visualization.report.embedded_image import embedded_image
from mixmae.visualization.shown_bands import loaded_pixels

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
        dataset: Validation set.
        count: Images in each gallery.

    Returns:
        ``counts_part``, and ``galleries`` of the most certain errors and the
        least certain and most certain correct predictions. None without
        predictions and on ranks other than 0.
    """
    found = gather_in_order(predictions, len(dataset))
    if not found or get_rank() != 0:
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
