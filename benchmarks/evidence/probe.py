"""Probes of a frozen backbone.

python -m benchmarks.evidence.probe CONFIG DATA CHECKPOINT|SEED OUT [OPTIONS]
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.evaluation.feature_extraction import (
    mean_std_pool,
    pooled_features,
)
from mixmae.evaluation.knn import knn_accuracy, whitened
from mixmae.evaluation.linear_probe import linear_probe
from mixmae.fileio.atomic_write import atomic_write
from mixmae.registry import MODELS


def probe(
    config: str, data: str, start: str, options: Mapping[str, Any]
) -> dict[str, float]:
    """Return the accuracies of kNN and of a linear classifier.

    'knn' and 'linear' use averages of the last map, 'knn_whitened' averages
    and standard deviations, whitened.

    Args:
        config: Config of the pretraining.
        data: Folder with ``train`` and ``val``, which hold class folders.
        start: A checkpoint, or the seed of an untrained backbone.
        options: Overrides of the config.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(options))
    init_default_scope(cfg.default_scope)
    untrained = start.isdecimal()
    torch.manual_seed(int(start) if untrained else 0)
    model = MODELS.build(cfg.model)
    logging.disable(logging.INFO)
    model.init_weights()
    if not untrained:
        model.load_state_dict(safe_load(start)['state_dict'])
    features: list[Any] = []
    for split in ('train', 'val'):
        loader = cfg.test_dataloader.copy()
        loader.dataset = dict(
            loader.dataset, data_root=data, data_prefix=split
        )
        features += pooled_features(
            model, Runner.build_dataloader(loader), mean_std_pool
        )
    train, train_labels, test, test_labels = features
    mean = slice(train.size(1) // 2)
    averages = train[:, mean], train_labels, test[:, mean], test_labels
    white_train, white_test = whitened(train, test)
    return {
        'knn': knn_accuracy(*averages),
        'knn_whitened': knn_accuracy(
            white_train, train_labels, white_test, test_labels
        ),
        'linear': linear_probe(*averages).accuracy,
    }


def main() -> None:
    """Write the figures to a file."""
    config, data, start, out, *more = sys.argv[1:]
    options = json.loads(more[0]) if more else {}
    figures = probe(config, data, start, options)
    with atomic_write(Path(out)) as partial:
        partial.write_text(json.dumps(figures) + '\n')


if __name__ == '__main__':
    main()
