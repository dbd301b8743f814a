"""Networks read three channels, whatever the preprocessor would take."""

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.image_channels import ImageChannels


def check(**preprocessor):
    config = Config(dict(model=dict(data_preprocessor=preprocessor)))
    return ImageChannels().run(PlannedRun('train', config))


def test_three_numbers_each():
    assert check(mean=[1, 2, 3], std=[1, 1, 1]).errors == ()
    assert check() is None
    assert ImageChannels().run(PlannedRun('test', Config({}))) is None


@pytest.mark.parametrize('count', [1, 4])
def test_another_number_is_told(count):
    [error] = check(mean=[0.0] * count, std=[1, 1, 1]).errors
    assert 'data_preprocessor.mean' in error and 'three' in error
    assert f'{count} numbers' in error
    assert len(check(mean=[0] * count, std=[1] * count).errors) == 2
