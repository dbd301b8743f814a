"""Metric that counts labels against predictions, for three tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy import ndarray

from mixmae.evaluation.class_confusion import ClassConfusion, write_table
from mixmae.fileio.atomic_write import atomic_write
from mixmae.registry import METRICS

NOTHING = '(nothing)'
# Of an object that is found: smallest score, and overlap with its label.
SCORE, IOU = 0.3, 0.5


@METRICS.register_module()
class ClassDetails(BaseMetric):
    """Confusion matrix and figures of each class, into a folder.

    For mmpretrain's classifiers, mmdet's detectors (an object is found by a
    prediction of at least ``score`` whose box covers it with an IoU of
    ``iou``, the best score first) and mmseg's segmentors. It adds no figure
    to those of the other metrics.

    Args:
        folder: Output folder: ``classes.csv``, ``confusion.csv``,
            ``confusion.png`` and, of a classifier, ``predictions.csv``.
        score: Smallest score of an object.
        iou: Smallest overlap of an object with its label.
    """

    default_prefix = None

    def __init__(
        self, folder: str, score: float = SCORE, iou: float = IOU
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.score, self.iou = score, iou

    @property
    def names(self) -> list[str]:
        """Names of the classes."""
        return [*map(str, (self.dataset_meta or {}).get('classes') or ())]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the samples of a batch."""
        for sample in data_samples:
            if 'pred_score' in sample:
                self.results.append({
                    'unit': 'images',
                    'path': sample.get('img_path', ''),
                    'label': int(sample['gt_label']),
                    'scores': sample['pred_score'].float().cpu().numpy(),
                })  # fmt: skip
            elif 'pred_sem_seg' in sample:
                counts = pixel_counts(sample, len(self.names))
                self.results.append({'unit': 'pixels', 'counts': counts})
            elif 'pred_instances' in sample:
                counts = object_counts(
                    sample, len(self.names), self.score, self.iou
                )
                self.results.append({'unit': 'objects', 'counts': counts})
            else:
                raise ValueError(
                    f'no prediction of a class in a sample of '
                    f'{", ".join(sample)}: details are those of classifiers, '
                    f'detectors and segmentors'
                )

    def compute_metrics(self, results: list) -> dict:
        """Sum up, write the files and log the table."""
        unit = results[0]['unit']
        names = self.names
        if unit == 'images':
            counts = self._images(results, names)
        else:
            counts = np.sum([one['counts'] for one in results], axis=0)
        if unit == 'objects':
            names = [*names, NOTHING]
        confusion = ClassConfusion(counts, names, unit)
        confusion.write(self.folder)
        print_log(f'classes:\n{confusion.text()}', 'current')
        return {}

    def _images(self, results: list, names: list[str]) -> ndarray:
        count = len(results[0]['scores'])
        names += [f'class_{k}' for k in range(len(names), count)]
        counts = np.zeros((count, count), np.int64)
        rows: list[list[object]] = [
            ['image', 'label', 'prediction', 'score', *names]
        ]
        for one in results:
            found = int(np.argmax(one['scores']))
            counts[one['label'], found] += 1
            scores = [f'{score:.5f}' for score in one['scores']]
            label = names[one['label']]
            rows.append(
                [one['path'], label, names[found], scores[found], *scores]
            )
        with atomic_write(self.folder / 'predictions.csv') as partial:
            write_table(partial, rows)
        return counts


def pixel_counts(sample: Mapping, count: int) -> ndarray:
    """Return the counts of a segmentor's sample, (count, count)."""
    found = sample['pred_sem_seg']['data'].cpu().numpy().ravel()
    label = sample['gt_sem_seg']['data'].cpu().numpy().ravel()
    valid = label < count
    places = label[valid].astype(np.int64) * count + found[valid]
    counts = np.bincount(places, minlength=count**2)
    return counts.reshape(count, count)


def object_counts(
    sample: Mapping, count: int, least: float = SCORE, iou: float = IOU
) -> ndarray:
    """Return the counts of a detector's sample, (count + 1, count + 1).

    The last row and column stand for nothing. Labels and predictions are in
    pixels of the file: test pipelines of mmdet load labels after they resize
    the image, and mmdet resizes predictions back.
    """
    truth, found = sample['gt_instances'], sample['pred_instances']
    labels = truth['labels'].cpu().numpy()
    boxes = _boxes(truth['bboxes'])
    scores = found['scores'].cpu().numpy()
    order = np.argsort(-scores)
    order = order[scores[order] >= least]
    kinds = found['labels'].cpu().numpy()[order]
    overlaps = _overlaps(_boxes(found['bboxes'])[order], boxes)
    counts = np.zeros((count + 1, count + 1), np.int64)
    free = np.ones(len(labels), bool)
    for kind, row in zip(kinds, overlaps):
        row = np.where(free, row, 0.0)
        # Of the same class, if one overlaps enough.
        same = np.where(labels == kind, row, 0.0)
        chosen = same if same.size and same.max() >= iou else row
        if chosen.size and chosen.max() >= iou:
            place = int(chosen.argmax())
            free[place] = False
            counts[labels[place], kind] += 1
        else:
            counts[count, kind] += 1
    np.add.at(counts, (labels[free], count), 1)
    return counts


def _boxes(boxes: Any) -> ndarray:
    """Return boxes of mmdet, a tensor or its ``HorizontalBoxes``."""
    return getattr(boxes, 'tensor', boxes).float().cpu().numpy()


def _overlaps(some: ndarray, others: ndarray) -> ndarray:
    """Return the IoU of each pair of boxes, (N, M)."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [
        np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (some, others)
    ]
    total = areas[0][:, None] + areas[1][None] - shared
    return shared / np.maximum(total, 1e-9)
