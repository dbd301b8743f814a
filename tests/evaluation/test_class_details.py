"""Label and prediction counts of three tasks."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mixmae.evaluation.class_details import ClassConfusion, ClassDetails


def details(folder: Path, *samples: dict) -> list[list[str]]:
    """Return the content of confusion.csv."""
    metric = ClassDetails(str(folder))
    metric.dataset_meta = dict(classes=('a', 'b'))
    metric.process(None, samples)
    assert metric.evaluate(len(samples)) == {}
    assert cv2.imread(str(folder / 'confusion.png')) is not None
    with (folder / 'confusion.csv').open(newline='') as file:
        return list(csv.reader(file))


def test_images(tmp_path: Path) -> None:
    samples = [
        dict(
            img_path=f'{index}.png',
            gt_label=torch.tensor([label]),
            pred_score=torch.tensor([1 - score, score]),
        )
        for index, (label, score) in enumerate([(0, 0.1), (1, 0.8), (1, 0.2)])
    ]
    rows = details(tmp_path, *samples)
    assert rows[1:] == [['a', '1', '0'], ['b', '1', '1']]
    with (tmp_path / 'predictions.csv').open(newline='') as file:
        predicted = list(csv.DictReader(file))
    assert [row['prediction'] for row in predicted] == ['a', 'b', 'a']
    assert predicted[1] == dict(
        image='1.png', label='b', prediction='b', score='0.80000',
        a='0.20000', b='0.80000',
    )  # fmt: skip


def test_pixels(tmp_path: Path) -> None:
    sample = dict(
        gt_sem_seg=dict(data=torch.tensor([[[0, 1, 1, 255]]])),
        pred_sem_seg=dict(data=torch.tensor([[[0, 1, 0, 0]]])),
    )
    # 255 is ignored.
    rows = details(tmp_path, sample, sample)
    assert rows[1:] == [['a', '2', '0'], ['b', '2', '2']]


def test_objects(tmp_path: Path) -> None:
    box = [[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]]
    sample = dict(
        # The network saw the image enlarged; labels are those of the file.
        scale_factor=(2.0, 2.0),
        gt_instances=dict(
            bboxes=torch.tensor(box), labels=torch.tensor([0, 1, 1])
        ),
        pred_instances=dict(
            bboxes=torch.tensor(
                [
                    [0, 0, 10, 9],  # found
                    [0, 0, 9, 10],  # found before, so nothing
                    [21, 21, 30, 30],  # of another class
                    [0, 0, 10, 10],  # of a score too low
                ]
            ).float(),
            labels=torch.tensor([0, 0, 0, 1]),
            scores=torch.tensor([0.9, 0.8, 0.7, 0.1]),
        ),
    )
    rows = details(tmp_path, sample)
    assert rows[0][1:] == ['a', 'b', '(nothing)']
    assert rows[1:] == [
        ['a', '1', '0', '0'],
        ['b', '1', '0', '1'],
        ['(nothing)', '1', '0', '0'],
    ]


def test_an_image_without_objects(tmp_path: Path) -> None:
    none = dict(
        bboxes=torch.zeros(0, 4),
        labels=torch.zeros(0, dtype=torch.long),
        scores=torch.zeros(0),
    )
    rows = details(tmp_path, dict(gt_instances=none, pred_instances=none))
    assert [row[1:] for row in rows[1:]] == [['0'] * 3] * 3


def test_figures_of_classes() -> None:
    confusion = ClassConfusion(
        np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), 'abc', 'images'
    )
    first, second, third = confusion.rows()
    assert first['count'] == 8 and first['precision'] == 6 / 7
    assert first['recall'] == 6 / 8 and first['f1'] == 12 / 15
    assert first['iou'] == 6 / 9 and second['precision'] == 3 / 5
    assert math.isnan(float(third['recall'])) and third['count'] == 0
    assert confusion.text().splitlines()[1].split()[:2] == ['a', '8']


def test_other_samples(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='classifiers, detectors'):
        details(tmp_path, dict(loss=1))
