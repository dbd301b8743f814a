"""Settings that the result of a run is compared by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from benchmarks.evidence.specs import Pretraining, Spec

ROOT = Path(__file__).resolve().parents[2]
# Settings of 8-bit RGB images, which the first results do not name.
RGB = {'in_channels': 3, 'channels': 3, 'value_range': None}


def recipe(spec: Spec) -> dict[str, Any]:
    """Network, method, optimizer and crops of a run, as JSON holds them.

    A result is of these settings: a test compares them with the config.
    """
    config = Config.fromfile(ROOT / spec.config)
    options = spec.options()
    if not isinstance(spec, Pretraining):
        # The start is in ``spec``, and its path on one machine only.
        options['model.backbone.init_cfg'] = None
    config.merge_from_dict(options)
    loader = config.train_dataloader
    parts = {
        'model': config.model,
        'optim_wrapper': config.optim_wrapper,
        'batch_size': loader.batch_size,
        'pipeline': loader.dataset.pipeline,
    }
    return _without_defaults(json.loads(json.dumps(parts)))


def _without_defaults(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_defaults(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_defaults(value)
        for key, value in part.items()
        if key not in RGB or value != RGB[key]
    }
