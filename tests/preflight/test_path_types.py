"""Paths of data are text."""

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.path_types import PathTypes


@pytest.mark.parametrize('value', [3, {}, True, ['a', 'b']])
def test_paths_of_other_types(value):
    for key in ('data_root', 'ann_file')[: 1 if value == ['a', 'b'] else 2]:
        dataset = dict(type='RepeatDataset', dataset={key: value})
        cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
        (line,) = PathTypes().run(PlannedRun('train', cfg)).errors
        assert line.startswith(f'val_dataloader.dataset.dataset.{key}=')


def test_text_and_none():
    data = dict(data_root='/my photos', ann_file=None)
    cfg = Config(dict(val_dataloader=dict(dataset=data)))
    assert PathTypes().run(PlannedRun('test', cfg)).errors == ()
