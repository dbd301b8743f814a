"""JSON of evaluation results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def results_json(figures: Mapping) -> str:
    """Return evaluation results as JSON.

    Tensors and arrays become nested lists, their scalars numbers. Values
    without a JSON representation (NaN, infinity, objects) become strings.
    """
    return json.dumps(json_value(figures), indent=2, allow_nan=False)


def json_value(value: Any) -> Any:
    """Convert a value to JSON types."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, torch.Tensor):
        return json_value(value.detach().cpu().tolist())
    if isinstance(value, (np.ndarray, np.generic)):
        return json_value(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)
