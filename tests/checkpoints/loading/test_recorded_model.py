"""Model config in a checkpoint, used only if its values are plain."""

import pytest
import torch

from mixmae.checkpoints.loading.recorded_model import (
    check_parts,
    recorded_model,
)

MODEL = {'type': 'X', 'backbone': {'type': 'MIMSwin', 'sizes': (4, [None])}}


def test_a_model_is_read():
    assert recorded_model({'model': MODEL}) is MODEL
    text = f'model = {MODEL!r}\ndata_preprocessor = dict(mean=[1.0])'
    found = recorded_model({'cfg': text})
    assert found == {**MODEL, 'data_preprocessor': {'mean': [1.0]}}
    assert recorded_model({}) == {}


def test_the_value_range_of_loaded_images_is_read():
    step = {'type': 'LoadImage', 'value_range': [0, 4095]}
    for dataset in (
        {'pipeline': ['text', step]},
        {'type': 'RepeatDataset', 'dataset': {'pipeline': [step]}},
        {'type': 'ConcatDataset', 'datasets': [{'pipeline': (step,)}]},
    ):
        text = f'model = {MODEL!r}\nval_dataloader = dict(dataset={dataset!r})'
        found = recorded_model({'cfg': text})['data_preprocessor']
        assert found == {'value_range': (0, 4095)}


@pytest.mark.parametrize('value', [torch.ones(3), b'x', {1: 2}, {3}, print])
def test_models_with_other_values_are_ignored(value):
    model = {**MODEL, 'backbone': {'a': [value]}}
    assert recorded_model({'model': model}) == {}


@pytest.mark.parametrize(
    ('settings', 'place'),
    [
        ({'model': 3}, 'model'),
        ({'model': {'backbone': [1]}}, 'model.backbone'),
        ({'model': {'data_preprocessor': 'x'}}, 'model.data_preprocessor'),
        ({'test_dataloader': 3}, 'test_dataloader'),
        (
            {'val_dataloader': {'dataset': {'dataset': [1]}}},
            'val_dataloader.dataset.dataset',
        ),
    ],
)
def test_parts_are_dicts(settings, place):
    with pytest.raises(
        ValueError, match=f'^x.pth contains a config .* {place} is no'
    ):
        check_parts(settings, 'x.pth')


def test_parts_that_may_be_missing():
    check_parts({}, 'x.pth')
    check_parts({'model': {**MODEL, 'neck': None}}, 'x.pth')
