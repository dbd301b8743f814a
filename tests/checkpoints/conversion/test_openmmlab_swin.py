import pytest

from mixmae.checkpoints.conversion.openmmlab_swin import to_openmmlab_swin
from mixmae.checkpoints.conversion.swin_settings import SwinSettings
from tests.checkpoints.conversion.networks import SWIN, build


def test_hidden_channels_that_are_no_multiple():
    config = dict(SWIN, mlp_ratio=2.5)
    state = build(config).state_dict()
    settings = SwinSettings.of(state, config)
    with pytest.raises(ValueError, match='mlp_ratio 2.5 is no integer'):
        to_openmmlab_swin(state, settings)
