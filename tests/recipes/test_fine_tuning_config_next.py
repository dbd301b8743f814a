"""Configs of downstream tasks that load a pretrained backbone."""

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.utils import is_installed

from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.recipes.fine_tuning_config import write_next_configs
from mixmae.registry import MODELS

PREPROCESSING = dict(mean=[1.0] * 3, std=[2.0] * 3, channel_order='RGB')
MINI = dict(
    type='MIMSwin',
    arch=dict(embed_dims=32, depths=[1, 1, 1, 1], num_heads=[2, 4, 8, 16]),
    img_size=64,
    patch_size=2,
    window_sizes=[8, 8, 8, 4],
)
PLAIN = dict(
    type='MIMViT',
    arch=dict(
        embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64
    ),
    img_size=64,
    patch_size=8,
)


def written(folder, config):
    backbone = MODELS.build(dict(config))
    path = folder / 'backbone.safetensors'
    state = backbone.state_dict()
    write_safetensors(path, state, config, PREPROCESSING, 'a test')
    return backbone, write_next_configs(path, folder / 'next')


THREE_STAGES = MINI | dict(
    arch=dict(embed_dims=32, depths=[1, 1, 1], num_heads=[2, 4, 8]),
    window_sizes=[8, 8, 8],
)


@pytest.mark.parametrize('network', [MINI, THREE_STAGES])
@pytest.mark.parametrize('index', range(3))
def test_each_config_loads_the_backbone(tmp_path, index, network):
    if index and not is_installed('mmseg'):
        pytest.skip('the full tier is not installed')
    backbone, paths = written(tmp_path, network)
    cfg = Config.fromfile(paths[index])
    assert cfg.model.data_preprocessor.mean == [1.0] * 3
    # Head and pyramid have the channels of the backbone.
    part = cfg.model.backbone.to_dict()
    scope = cfg.default_scope
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(part)
        model.init_weights()
    for name, value in backbone.state_dict().items():
        assert (model.state_dict()[name] == value).all(), name
    widths = [32, 64, 128, 256][: backbone.num_stages]
    assert cfg.feature_channels == (widths if index else widths[-1])


def test_a_network_without_pyramid_gets_a_classifier_only(tmp_path):
    if not is_installed('mmpretrain'):
        pytest.skip('needs mmpretrain')
    _, paths = written(tmp_path, PLAIN)
    assert [path.name for path in paths] == ['classification.py']
