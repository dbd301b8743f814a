"""Figures of each class and confusion matrix of a test, for three tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy import ndarray
from torch import Tensor
from torchvision.ops import box_iou

from mixmae.fileio.atomic_write import atomic_write, write_csv
from mixmae.registry import METRICS

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
        rows = [[row[name] for name in COLUMNS] for row in self.rows()]
        write_csv(folder / 'classes.csv', [COLUMNS, *rows])
        body = [
            [name, *counts]
            for name, counts in zip(self.names, self.counts.tolist())
        ]
        head = ['label \\ prediction', *self.names]
        write_csv(folder / 'confusion.csv', [head, *body])
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


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


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
        write_csv(self.folder / 'predictions.csv', rows)
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
    # That of two empty boxes is NaN.
    overlaps = box_iou(_boxes(found['bboxes'])[order], boxes).nan_to_num()
    counts = np.zeros((count + 1, count + 1), np.int64)
    free = np.ones(len(labels), bool)
    for kind, row in zip(kinds, overlaps.numpy()):
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


def _boxes(boxes: Any) -> Tensor:
    """Return boxes of mmdet, a tensor or its ``HorizontalBoxes``."""
    return getattr(boxes, 'tensor', boxes).float().cpu()
