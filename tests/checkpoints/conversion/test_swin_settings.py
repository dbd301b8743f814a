import inspect
from dataclasses import fields

import pytest

from mixmae.checkpoints.conversion.conversion import Source
from mixmae.checkpoints.conversion.openmmlab_swin import to_swin
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    swin_objections,
)
from mixmae.models.backbones.mim_swin import MIMSwin
from tests.checkpoints.conversion.networks import MIXMIM, SWIN, build, equal

UNUSUAL = {
    'position_bias': 'log_coordinates',
    'merging': 'conv',
    'block_norm_eps': 1e-6,
    'output_norms': False,
}


def test_defaults_are_the_backbones():
    arguments = inspect.signature(MIMSwin).parameters
    for field in fields(SwinSettings):
        if field.name in arguments and field.name not in (
            'patch_size',
            'window_sizes',
        ):
            assert field.default == arguments[field.name].default, field.name


def test_every_argument_is_recorded_or_has_no_effect_on_the_maps():
    """A new argument of MIMSwin must be added to one of the lists."""
    alone = {
        'arch',
        'drop_path_rate',
        'out_indices',
        'frozen_stages',
        'norm_eval',
        'bias_resize',
        'sort_groups',
        'with_cp',
        'scores',
        'init_cfg',
        # Only for log-coordinate biases, which are refused.
        'bias_dims',
    }
    refused = set(UNUSUAL)
    known = {field.name for field in fields(SwinSettings)} | refused
    assert set(inspect.signature(MIMSwin).parameters) <= known | alone


@pytest.mark.parametrize('name', UNUSUAL)
def test_networks_that_no_other_library_builds_are_refused(name):
    config = dict(SWIN, **{name: UNUSUAL[name]})
    state = build(config).state_dict()
    with pytest.raises(ValueError, match=f'it has {name}='):
        SwinSettings.of(state, config)


@pytest.mark.parametrize('config', [SWIN, MIXMIM])
def test_the_config_builds_the_network_again(config):
    ours = build(config)
    settings = SwinSettings.of(ours.state_dict(), config)
    again = build(settings.config(), ours.state_dict())
    assert equal(again.state_dict(), ours.state_dict())
    assert SwinSettings.of(again.state_dict(), settings.config()) == settings


def test_named_architectures_and_other_ratios():
    config = dict(
        MIXMIM,
        arch='tiny',
        mlp_ratio=2.0,
        window_sizes=[4, 4, 4, 2],
        img_size=[64, 32],
    )
    settings = SwinSettings.of(build(config).state_dict(), config)
    assert settings.embed_dims == 96 and settings.mlp_ratio == 2
    assert settings.grids == [(16, 8), (8, 4), (4, 2), (2, 1)]


def test_ratios_of_no_whole_channels():
    config = dict(MIXMIM, mlp_ratio=2.7)
    state = build(config).state_dict()
    assert state['stages.0.blocks.0.mlp.fc1.weight'].size(0) == 21
    settings = SwinSettings.of(state, config)
    assert settings.mlp_ratio == 2.7
    build(settings.config(), state)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(type='MIMPVT'), 'backbone of type MIMPVT'),
        (
            dict(window_sizes=(7, 7, 7, 7)),
            r'\(7, 7, 7, 7\), the tensors imply',
        ),
        (dict(patch_size=8), 'patch_size is 8, the tensors imply 4'),
        (dict(arch='tiny'), 'embed_dims is 96, the tensors imply 8'),
        (dict(arch='giant'), "unknown arch 'giant'"),
        (dict(mlp_ratio=3), 'mlp_ratio is 3, the tensors imply 4.0'),
        (
            dict(arch=dict(MIXMIM['arch'], num_heads=[1, 1, 1, 1])),
            'its num_heads is',
        ),
    ],
)
def test_a_config_of_another_network(change, message):
    state = build(MIXMIM).state_dict()
    with pytest.raises(ValueError, match=message):
        SwinSettings.of(state, {**MIXMIM, **change})


def test_an_empty_state():
    with pytest.raises(ValueError, match='patch_embed.proj.weight is missing'):
        SwinSettings.of({}, MIXMIM)


def test_objections_to_a_swin():
    settings = SwinSettings.of(build(SWIN).state_dict(), SWIN)
    assert not swin_objections(settings, per_stage=False)
    for name, value, word in (
        ('shift', False, 'never shifted'),
        ('absolute_positions', True, 'sine-cosine'),
    ):
        config = {**SWIN, name: value}
        found = SwinSettings.of(build(SWIN).state_dict(), config)
        (objection,) = swin_objections(found, per_stage=False)
        assert word in objection


def test_hidden_channels_that_mmdet_cannot_have():
    config = dict(SWIN, mlp_ratio=2.5)
    source = Source('x', build(config).state_dict(), {'backbone': config})
    with pytest.raises(ValueError, match='mlp_ratio 2.5 is not an integer'):
        to_swin(source, 'mmdet')
