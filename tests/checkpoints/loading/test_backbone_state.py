"""Backbones loaded from checkpoints of all kinds."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mixmae.checkpoints.loading.backbone_state import backbone_state
from mixmae.checkpoints.loading.neck_state import load_neck
from mixmae.registry import MODELS
from tests.checkpoints.loading.saved_backbones import features, saved
from tests.golden import formula
from tests.models.parts import TINY, random_images, tiny_model
from tests.models.test_golden_mixmim import backbone_config
from tests.models.test_golden_um_mae_swin import (
    backbone_config as um_mae_config,
)


def test_pretraining_and_bare_checkpoints_load_last(tmp_path):
    """The initialisation does not overwrite what was loaded."""
    model = tiny_model().eval()
    wanted = model.backbone(random_images(1))[0]
    whole = saved({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    bare = saved(model.backbone.state_dict(), tmp_path / 'b.pth')
    for init_cfg in (whole, bare):
        assert torch.equal(features(TINY, init_cfg)[0], wanted)


def test_official_checkpoints_load(tmp_path):
    golden = formula.figures('mixmim')
    state = formula.weights(golden['parameters'])
    init_cfg = saved({'model': state}, tmp_path / 'official.pth')
    backbone = MODELS.build({**backbone_config(), 'init_cfg': init_cfg})
    backbone.init_weights()
    name = 'layers.1.downsample.reduction.weight'
    found = backbone.stages[2].downsample.reduction.weight
    assert torch.equal(found, state[name].float())


@pytest.mark.parametrize('fine_tuned', [False, True])
def test_official_um_mae_loads(tmp_path, fine_tuned):
    """With the last norm, or after fine-tuning without it, a new one."""
    state = formula.weights(formula.figures('ummae')['swin']['parameters'])
    if fine_tuned:
        state = {
            key: value
            for key, value in state.items()
            if 'token' not in key and not key.startswith(('norm', 'decoder'))
        }
        state['fc_norm.weight'] = state['fc_norm.bias'] = torch.ones(192)
    init_cfg = saved({'model': state}, tmp_path / 'official.pth')
    backbone = MODELS.build({**um_mae_config(), 'init_cfg': init_cfg})
    backbone.init_weights()
    found = backbone.stages[1].downsample.proj.weight
    assert torch.equal(found, state['blocks.2.downsample.proj.weight'].float())
    wanted = torch.ones(192) if fine_tuned else state['norm.weight'].float()
    assert torch.equal(backbone.norm3.weight, wanted)


def test_norms_of_extra_outputs_may_be_new(tmp_path):
    model = tiny_model()
    init_cfg = saved(model.backbone.state_dict(), tmp_path / 'a.pth')
    maps = features({**TINY, 'out_indices': (0, 3)}, init_cfg)
    assert torch.equal(maps[1], model.eval().backbone(random_images(1))[0])


def test_a_classifier_that_norms_pooled_features_has_no_last_norm(tmp_path):
    """Downstream, all norms are new then; else the last one is wanted."""
    model = tiny_model()
    state = {
        f'backbone.{key}': value
        for key, value in model.backbone.state_dict().items()
        if not key.startswith('norm')
    }
    init_cfg = saved({'state_dict': state}, tmp_path / 'a.pth')
    config = {**TINY, 'out_indices': (0, 3)}
    with pytest.raises(ValueError, match=r'2 keys missing \(norm3.weight'):
        features(config, init_cfg)
    state['neck.norm.weight'] = state['neck.norm.bias'] = torch.ones(64)
    init_cfg = saved({'state_dict': state}, tmp_path / 'b.pth')
    wanted = model.eval().backbone(random_images(1))[0]
    norm = model.backbone.norm3
    normed = wanted.permute(0, 2, 3, 1) - norm.bias
    normed = (normed / norm.weight).permute(0, 3, 1, 2)
    found = features(config, init_cfg)[1]
    torch.testing.assert_close(found, normed, rtol=1e-4, atol=1e-4)
    assert backbone_state({'state_dict': state}).kind == 'a classifier'


def test_norms_that_are_not_asked_for_are_left_out(tmp_path):
    model = tiny_model()
    init_cfg = saved(model.state_dict(), tmp_path / 'a.pth')
    maps = features({**TINY, 'out_indices': (0, 1)}, init_cfg)
    assert [x.size(1) for x in maps] == [8, 16]


def test_kinds_of_checkpoints_are_distinguished():
    whole = dict(tiny_model().state_dict())
    bare = backbone_state(whole).state
    tuned = {f'backbone.{key}': value for key, value in bare.items()}
    tuned['head.fc.weight'] = torch.ones(1)
    official = formula.weights(formula.figures('mixmim')['parameters'])
    kinds = {
        'a pretraining': whole,
        'a classifier': tuned,
        'a bare backbone': bare,
        'official MixMIM': official,
    }
    for kind, state in kinds.items():
        assert backbone_state(state).kind == kind
        assert backbone_state({'state_dict': state}).kind == kind
        assert backbone_state({'model': state}).kind == kind


@pytest.mark.parametrize('wrapper', ['module.', 'module._orig_mod.', 'model.'])
def test_wrappers_are_removed(tmp_path, wrapper):
    """Of DDP, ``torch.compile`` and Lightning; a stated prefix is literal."""
    model = tiny_model()
    whole = model.state_dict()
    wrapped = {f'{wrapper}{key}': value for key, value in whole.items()}
    found = backbone_state(wrapped)
    assert found.kind == 'a pretraining'
    expected = backbone_state(whole).state
    for prefix in (None, f'{wrapper}backbone.'):
        found = backbone_state(wrapped, prefix)
        torch.testing.assert_close(found.state, expected, rtol=0, atol=0)
    path = tmp_path / 'wrapped.pth'
    torch.save(wrapped, path)
    fresh = tiny_model()
    load_neck(fresh.neck, dict(type='Pretrained', checkpoint=str(path)))
    for key, value in model.neck.state_dict().items():
        assert torch.equal(fresh.neck.state_dict()[key], value)


def test_other_parts_are_left_out():
    state = tiny_model().state_dict()
    found = backbone_state({'state_dict': state})
    names = found.state
    assert not [name for name in names if name.startswith(('neck', 'head'))]
    assert len(names) == sum(name.startswith('backbone.') for name in state)
    assert found.dropped == {'neck': len(state) - len(names)}


def test_the_summary_accounts_for_every_tensor(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mixmae.checkpoints.loading.backbone_state.print_log',
        lambda text, *_: lines.append(text),
    )
    model = tiny_model()
    init_cfg = saved({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    config = {
        **TINY,
        'window_sizes': (10, 8, 7, 4),
        'out_indices': (0, 1, 3),
    }
    features(config, init_cfg)
    inner = len(model.backbone.state_dict())
    neck = len(model.neck.state_dict())
    assert lines == [
        f'backbone from {tmp_path}/a.pth (a pretraining): {inner} tensors '
        f'loaded, 3 of them resized (window 8 -> 10: 1, window 8 -> 7: 2), '
        f'{neck} dropped (neck: {neck}), 4 new (norm0: 2, norm1: 2)'
    ]
    # A last norm that is not needed is listed as well.
    features({**TINY, 'out_indices': (1,)}, init_cfg)
    assert f'{neck + 2} dropped (neck: {neck}, norm3: 2)' in lines[1]


def test_safetensors_load(tmp_path):
    model = tiny_model().eval()
    state = model.backbone.state_dict()
    save_file(state, tmp_path / 'a.safetensors', {'format': 'pt'})
    # Also recognised by its content.
    (tmp_path / 'a.bin').write_bytes((tmp_path / 'a.safetensors').read_bytes())
    wanted = model.backbone(random_images(1))[0]
    for name in ('a.safetensors', 'a.bin'):
        init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / name)}
        assert torch.equal(features(TINY, init_cfg)[0], wanted)
