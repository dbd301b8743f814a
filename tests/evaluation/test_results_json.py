"""JSON text of any values that evaluators return."""

import json

import numpy as np
import torch

from mixmae.evaluation.results_json import results_json


def test_tensors_arrays_and_objects():
    figures = {
        'top1': torch.tensor(50.5),
        'matrix': torch.tensor([[1, 2], [3, 4]]),
        'classwise': np.array([0.5, np.nan]),
        'count': np.int64(3),
        'nested': dict(a=(np.float32(0.5), None, True)),
        7: {'x'},
        'type': dict,
        'best': float('inf'),
    }
    assert json.loads(results_json(figures)) == {
        'top1': 50.5,
        'matrix': [[1, 2], [3, 4]],
        'classwise': [0.5, 'nan'],
        'count': 3,
        'nested': {'a': [0.5, None, True]},
        '7': ['x'],
        'type': str(dict),
        'best': 'inf',
    }
