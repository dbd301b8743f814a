import pytest
import torch
from safetensors.torch import save_file

from mixmae.checkpoints.loading.backbone_state import backbone_state
from mixmae.registry import MODELS
from tests.checkpoints.io.test_safe_load import Malicious
from tests.golden import formula
from tests.models.parts import TINY, random_images, tiny_model
from tests.models.test_golden_mixmim import backbone_config
from tests.models.test_golden_um_mae_swin import (
    backbone_config as um_mae_config,
)


def saved(content, path) -> dict:
    torch.save(content, path)
    return {'type': 'Pretrained', 'checkpoint': str(path)}


def features(config, init_cfg):
    backbone = MODELS.build({**config, 'init_cfg': init_cfg}).eval()
    backbone.init_weights()
    return backbone(random_images(1))


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
    # A last norm that is not asked for is accounted for, too.
    features({**TINY, 'out_indices': (1,)}, init_cfg)
    assert f'{neck + 2} dropped (neck: {neck}, norm3: 2)' in lines[1]


def test_safetensors_load(tmp_path):
    model = tiny_model().eval()
    state = model.backbone.state_dict()
    save_file(state, tmp_path / 'a.safetensors', {'format': 'pt'})
    # Recognised by what it holds, too.
    (tmp_path / 'a.bin').write_bytes((tmp_path / 'a.safetensors').read_bytes())
    wanted = model.backbone(random_images(1))[0]
    for name in ('a.safetensors', 'a.bin'):
        init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / name)}
        assert torch.equal(features(TINY, init_cfg)[0], wanted)


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
        (
            lambda s: s.update({'rpn_head.rpn_cls.weight': torch.ones(1)}),
            'a model with rpn_head, neither a pretraining model nor a',
        ),
    ],
)
def test_other_networks_are_refused(tmp_path, spoil, message):
    """Wrong depth, width or prefix, a detector: all name file and key."""
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
