"""Checkpoints that a backbone refuses."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints.io.test_safe_load import Malicious
from tests.checkpoints.loading.saved_backbones import features, saved
from tests.golden import formula
from tests.models.parts import TINY, random_images, tiny_model
from tests.models.test_golden_mixmim import backbone_config


def test_unknown_official_keys_are_named(tmp_path):
    state = formula.weights(formula.figures('mixmim')['parameters'])
    state['surprise'] = torch.ones(1)
    init_cfg = saved({'model': state}, tmp_path / 'official.pth')
    with pytest.raises(ValueError, match=r'unknown keys \(surprise\)'):
        features(backbone_config(), init_cfg)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            lambda s: s.pop('norm3.weight'),
            r'1 keys missing \(norm3.weight; closest .*: norm3.bias, patch',
        ),
        (
            lambda s: s.update(more=torch.ones(1)),
            r'1 unexpected \(more; closest',
        ),
        (
            lambda s: s.update({'norm3.bias': torch.ones(5)}),
            r'1 with another shape \(norm3.bias \(5,\) for \(64,\)\)',
        ),
    ],
)
def test_anything_else_is_refused(tmp_path, spoil, message):
    state = tiny_model().backbone.state_dict()
    spoil(state)
    with pytest.raises(ValueError, match=message):
        features(TINY, saved(state, tmp_path / 'a.pth'))


def test_another_init_cfg_is_refused():
    with pytest.raises(ValueError, match="type='Pretrained'"):
        features(TINY, {'type': 'Xavier', 'layer': 'Linear'})
    with pytest.raises(ValueError, match=r"type='Pretrained'.*got \["):
        features(TINY, [{'type': 'Pretrained', 'checkpoint': 'a.pth'}])


def test_tables_of_other_heads_are_refused(tmp_path):
    arch = {**TINY['arch'], 'num_heads': (2, 2, 2, 4)}
    init_cfg = saved(tiny_model().state_dict(), tmp_path / 'a.pth')
    message = (
        r'1 with another shape \(stages.0.*table \(225, 1\) for \(225, 2\)'
    )
    with pytest.raises(ValueError, match=message):
        features({**TINY, 'arch': arch}, init_cfg)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = tiny_model().state_dict()
    state['backbone.norm3.bias'][0] = torch.nan
    init_cfg = saved({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'1 not finite \(norm3.bias\)'):
        features(TINY, init_cfg)


def test_a_detector_is_refused_unless_requested(tmp_path):
    model = tiny_model().eval()
    state = {
        f'backbone.{key}': value
        for key, value in model.backbone.state_dict().items()
    }
    state['roi_head.bbox_head.fc_cls.weight'] = torch.ones(2)
    state['neck.fpn_convs.0.conv.weight'] = torch.ones(2)
    init_cfg = saved({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='a model with roi_head, neither'):
        features(TINY, init_cfg)
    # With or without the dot, as in MMEngine.
    features(TINY, {**init_cfg, 'prefix': 'backbone'})
    found = features(TINY, {**init_cfg, 'prefix': 'backbone.'})
    assert torch.equal(found[0], model.backbone(random_images(1))[0])
    with pytest.raises(ValueError, match='prefix encoder.; the file has back'):
        features(TINY, {**init_cfg, 'prefix': 'encoder.'})


def deeper(state):
    for key in list(state):
        if key.startswith('backbone.stages.2.blocks.1.'):
            state[key.replace('blocks.1.', 'blocks.2.')] = state[key]


def wider(state):
    wide = tiny_model(
        backbone={'arch': {**TINY['arch'], 'embed_dims': 16}},
        neck={'in_channels': 128},
    )
    state.update(wide.state_dict())


def renamed(state):
    for key in list(state):
        state[key.replace('backbone.', 'encoder.')] = state.pop(key)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (deeper, r'unexpected \(stages.2.blocks.2.*closest.*blocks.1'),
        (wider, r'another shape \(.*\(16, 3, 2, 2\) for \(8, 3, 2, 2\)'),
        (renamed, r'missing \(patch_embed.*file: encoder.patch_embed.proj'),
    ],
)
def test_other_networks_are_refused(tmp_path, spoil, message):
    """Wrong depth, width or prefix: the message names file and key."""
    state = dict(tiny_model().state_dict())
    spoil(state)
    init_cfg = saved({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=message) as caught:
        features(TINY, init_cfg)
    assert str(tmp_path / 'a.pth') in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path):
    init_cfg = saved(tiny_model().state_dict(), tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ValueError, match=r'a.pth is not a readable checkpoint'
    ):
        features(TINY, init_cfg)
    save_file({'a': torch.ones(9)}, tmp_path / 'b.safetensors')
    whole = (tmp_path / 'b.safetensors').read_bytes()
    (tmp_path / 'b.safetensors').write_bytes(whole[:-4])
    init_cfg['checkpoint'] = str(tmp_path / 'b.safetensors')
    with pytest.raises(ValueError, match='not a readable safetensors file'):
        features(TINY, init_cfg)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    trace = tmp_path / 'trace'
    state = {**tiny_model().state_dict(), 'code': Malicious(trace)}
    init_cfg = saved({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='cannot be loaded safely'):
        features(TINY, init_cfg)
    assert not trace.exists()


def test_a_missing_file_is_named_with_the_option_for_another(tmp_path):
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'a.pth')}
    with pytest.raises(ValueError, match=r'a.pth.*init_cfg.checkpoint='):
        features(TINY, init_cfg)
