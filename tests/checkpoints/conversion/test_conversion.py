import pytest
import torch
from mmengine.config import Config

from mixmae.checkpoints.conversion.conversion import Source, read_source
from tests.checkpoints.conversion.networks import MIXMIM, PREPROCESSOR

STATE = {'x': torch.ones(1)}


def saved(path, **content):
    torch.save(content, path)
    return path


def test_settings_in_a_checkpoint_of_a_run(tmp_path):
    cfg = Config(
        dict(model=dict(backbone=MIXMIM), data_preprocessor=PREPROCESSOR)
    )
    meta = dict(cfg=cfg.pretty_text)
    path = saved(tmp_path / 'a.pth', state_dict=STATE, meta=meta)
    source = read_source(path)
    assert source.part('backbone') == MIXMIM
    assert source.preprocessing()['channel_order'] == 'RGB'
    # A given config takes precedence.
    other = tmp_path / 'config.py'
    other.write_text('model = dict(backbone=dict(type="X"))')
    source = read_source(path, other)
    assert source.part('backbone') == {'type': 'X'}
    with pytest.raises(
        ValueError, match='config file .*missing.py does not exist'
    ):
        read_source(path, tmp_path / 'missing.py')
    other.write_text('model = (')
    with pytest.raises(ValueError, match='config.py is not a readable'):
        read_source(path, other)


def test_settings_recorded_by_a_converter(tmp_path):
    meta = dict(model=dict(backbone=dict(type='Y')))
    path = saved(tmp_path / 'a.pth', model=STATE, meta=meta)
    assert read_source(path).part('backbone') == {'type': 'Y'}


@pytest.mark.parametrize(
    ('config', 'order'),
    [
        (dict(type='mixmae.MaskingDataPreprocessor'), 'RGB'),
        (dict(type='mmpretrain.ClsDataPreprocessor'), 'BGR'),
        (dict(type='mmdet.DetDataPreprocessor', bgr_to_rgb=True), 'RGB'),
        (dict(type='MaskingDataPreprocessor', to_rgb=False), 'BGR'),
    ],
)
def test_channel_orders(config, order):
    config = dict(mean=[1, 2, 3], std=[4, 5, 6], **config)
    found = Source('x', STATE, dict(data_preprocessor=config)).preprocessing()
    assert found == {
        'mean': [1.0, 2.0, 3.0],
        'std': [4.0, 5.0, 6.0],
        'channel_order': order,
    }


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(state_dict={}), 'contains no state dict'),
        (dict(state_dict=dict(x=1)), 'x is an object of type int, not a'),
        ({'state_dict': {3: STATE}}, 'the key 3 is an object of type int'),
        (dict(epoch=3), 'epoch is an object of type int, not a'),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_source(saved(tmp_path / 'a.pth', **content))


@pytest.mark.parametrize('cfg', ['import os', 'a = 1', 'model = 1', 3])
def test_other_configs_are_ignored(tmp_path, cfg):
    meta = dict(cfg=cfg)
    path = saved(tmp_path / 'a.pth', state_dict=STATE, meta=meta)
    assert not read_source(path).model


def test_settings_that_are_not_recorded():
    source = Source('x.pth', STATE, {})
    with pytest.raises(ValueError, match='x.pth does not record how its'):
        source.part('backbone')
    preprocessor = dict(type='SelfSupDataPreprocessor')
    source = Source('x.pth', STATE, dict(data_preprocessor=preprocessor))
    with pytest.raises(ValueError, match='has no mean and std'):
        source.preprocessing()
