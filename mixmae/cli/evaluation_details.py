"""Evaluators that write a confusion matrix, class figures, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import check_output
from mixmae.visualization.prediction_drawing import framework_of

# Of the metrics of mmdet and mmseg: the argument that makes them write what
# the model predicts, and its place in the folder.
OUTPUTS: Mapping[str, tuple[str, str]] = {
    'CocoMetric': ('outfile_prefix', 'predictions'),
    'IoUMetric': ('output_dir', 'masks'),
}


def add_details(cfg: Config, folder: Path) -> None:
    """Make a test write details of its classes to a folder.

    Args:
        cfg: Config; its ``test_evaluator`` is changed.
        folder: Output folder: ``classes.csv``, ``confusion.csv``,
            ``confusion.png`` and the predictions: ``predictions.csv`` of a
            classifier, ``predictions.*.json`` in COCO's format of results, or
            ``masks/*.png``.

    Raises:
        ConfigError: The model predicts no classes.
        ValueError: The folder cannot be written.
    """
    if framework_of(cfg) is None:
        raise ConfigError(
            f'--details: a model of type {cfg.model.get("type")} predicts no '
            f'classes; it is for classifiers, detectors and segmentors'
        )
    check_output(folder / 'classes.csv')
    stated: Any = cfg.test_evaluator
    evaluators = stated if isinstance(stated, (list, tuple)) else [stated]
    changed = []
    for one in evaluators:
        name = str(one.get('type')).split('.')[-1]
        if name in OUTPUTS:
            argument, place = OUTPUTS[name]
            one = {**one, argument: str(folder / place)}
        changed.append(one)
    details = dict(type='mixmae.ClassDetails', folder=str(folder))
    cfg.test_evaluator = [*changed, details]
