"""Input channels of heads and necks, compared with the backbone's."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.number_check import FeatureChannels


def errors(indices=(0, 1, 3), **model):
    backbone = SimpleNamespace(
        num_features=[8, 16, 32, 64], out_indices=indices
    )
    runner = SimpleNamespace(model=SimpleNamespace(backbone=backbone))
    cfg = Config(dict(model=model))
    return (
        FeatureChannels().run(PlannedRun('train', cfg, runner=runner)).errors
    )


@pytest.mark.parametrize(
    'model',
    [
        dict(),
        dict(neck=dict(type='FPN', in_channels=[8, 16, 64])),
        dict(neck=dict(in_channels=64), head=dict(in_channels=5)),
        dict(
            neck=dict(type='GlobalAveragePooling'), head=dict(in_channels=64)
        ),
        dict(
            decode_head=dict(in_channels=[16, 64], in_index=[1, 2]),
            auxiliary_head=[dict(in_channels=16, in_index=1)],
        ),
    ],
)
def test_channels_that_fit(model):
    assert errors(**model) == ()


@pytest.mark.parametrize(
    ('model', 'key'),
    [
        (dict(neck=dict(in_channels=[8, 16, 32])), 'model.neck'),
        (dict(neck=dict(in_channels=32)), 'model.neck'),
        (dict(head=dict(in_channels=32)), 'model.head'),
        (dict(decode_head=dict(in_channels=32)), 'model.decode_head'),
        (
            dict(auxiliary_head=[dict(in_channels=64, in_index=3)]),
            'model.auxiliary_head.0',
        ),
    ],
)
def test_channels_that_differ(model, key):
    (line,) = errors(**model)
    assert line.startswith(f'{key}.in_channels')


def test_other_backbones_are_not_checked():
    runner = SimpleNamespace(model=SimpleNamespace(backbone=object()))
    planned = PlannedRun('train', Config(dict(model={})), runner=runner)
    assert FeatureChannels().run(planned) is None
