import inspect

import pytest

from mixmae.checkpoints.loading.recorded_model import channel_order
from mixmae.models.data_preprocessor import MaskingDataPreprocessor


@pytest.mark.parametrize(
    ('config', 'order'),
    [
        (dict(channel_order='RGB'), 'RGB'),
        (dict(channel_order='bgr', to_rgb=True), 'BGR'),
        (dict(type='mixmae.MaskingDataPreprocessor'), 'RGB'),
        (dict(type='MaskingDataPreprocessor', to_rgb=False), 'BGR'),
        (dict(type='mmpretrain.ClsDataPreprocessor'), 'BGR'),
        (dict(type='mmpretrain.ClsDataPreprocessor', to_rgb=True), 'RGB'),
        (dict(type='mmdet.DetDataPreprocessor', bgr_to_rgb=True), 'RGB'),
        (dict(), 'BGR'),
    ],
)
def test_orders(config, order):
    assert channel_order(config) == order


def test_the_default_is_that_of_our_preprocessor():
    default = inspect.signature(MaskingDataPreprocessor).parameters['to_rgb']
    ours = channel_order(dict(type='MaskingDataPreprocessor'))
    assert (ours == 'RGB') == default.default


def test_refuses_others():
    with pytest.raises(ValueError, match="channel_order .* got 'GRB'"):
        channel_order(dict(channel_order='GRB'))
