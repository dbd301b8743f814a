"""Learning rates and weight decays, compared with the official ones."""

import copy
import math
from collections import Counter

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from mixmae.engine.optimizers import LayerDecayOptimWrapperConstructor
from mixmae.registry import MODELS

TINY = dict(
    type='mixmae.MIMSwin',
    arch=dict(embed_dims=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 2, 2)),
    window_sizes=(7, 7, 7, 7),
)
ADAMW = dict(type='AdamW', lr=2e-3, weight_decay=0.05)
FLAT = dict(layer_decay_rate=0.7, flat_decay_mult=0.0)


class Classifier(nn.Module):
    """Backbone with a head."""

    def __init__(self, backbone: nn.Module, classes: int = 10) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.num_features[-1], classes)


class Wrapped(nn.Module):
    """Wrapper that stores its model like DistributedDataParallel."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def tiny(**kwargs) -> Classifier:
    return Classifier(MODELS.build({**TINY, **kwargs}))


def build(model: nn.Module, options: dict, **optimizer):
    cfg = dict(optimizer={**ADAMW, **optimizer})
    return LayerDecayOptimWrapperConstructor(cfg, options)(model)


def settings(model: nn.Module, wrapper) -> dict[str, tuple[float, float]]:
    """Return learning rate and weight decay of each parameter by name."""
    of = {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    return {
        name: of[id(parameter)]
        for name, parameter in model.named_parameters()
        if id(parameter) in of
    }


def scales(model: nn.Module, options: dict) -> dict[str, float]:
    wrapper = build(model, options, lr=1.0)
    return {k: lr for k, (lr, _) in settings(model, wrapper).items()}


@pytest.fixture(scope='module')
def swin_b() -> Classifier:
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='MIMSwin', arch='base'))
        return Classifier(backbone, 1000)


def test_scales_of_swin_b(swin_b):
    """The scales of MixMIM's util/lr_decay.py without its off-by-one."""
    found = scales(swin_b, FLAT)
    powers = {k: round(math.log(v, 0.7), 6) for k, v in found.items()}
    assert powers['backbone.patch_embed.proj.weight'] == 25
    assert found['backbone.patch_embed.proj.weight'] == pytest.approx(
        1.3e-4, rel=0.05
    )
    depths, layer = (2, 2, 18, 2), 1
    for i, depth in enumerate(depths):
        for j in range(depth):
            block = f'backbone.stages.{i}.blocks.{j}.'
            inside = {v for k, v in powers.items() if k.startswith(block)}
            assert inside == {25 - layer}
            # Patch merging comes before the blocks of its stage.
            merging = f'backbone.stages.{i}.downsample.'
            if i and j == 0:
                of = {v for k, v in powers.items() if k.startswith(merging)}
                assert of == inside
            layer += 1
    assert powers['backbone.norm3.weight'] == 0
    assert powers['head.weight'] == powers['head.bias'] == 0


def test_official_off_by_one(swin_b):
    """QUIRK(MixMIM): the top counts as layer 24 of 25; its scale is 0.7."""
    right = scales(swin_b, FLAT)
    found = scales(swin_b, {**FLAT, 'official_off_by_one': True})
    different = {name for name in right if right[name] != found[name]}
    assert different == {
        'backbone.norm3.weight',
        'backbone.norm3.bias',
        'head.weight',
        'head.bias',
    }
    assert {found[name] for name in different} == {0.7}
    assert max(found.values()) == 0.7


def test_few_groups_top_first(swin_b):
    groups = build(swin_b, FLAT).optimizer.param_groups
    # 26 layers, each with weights and with what is flat.
    assert len(groups) == 52
    assert [groups[0]['lr'], groups[0]['lr_scale']] == [2e-3, 1.0]
    assert groups[0]['weight_decay'] == 0.05
    falling = [group['lr_scale'] for group in groups]
    assert falling == sorted(falling, reverse=True)
    taken = Counter(id(p) for group in groups for p in group['params'])
    assert taken == Counter(id(p) for p in swin_b.parameters())
    # With one rate, groups differ by weight decay only.
    wrapper = build(swin_b, dict(flat_decay_mult=0.0))
    assert len(wrapper.optimizer.param_groups) == 2


def test_weight_decay_of_biases_norms_and_tables():
    model = tiny()
    found = settings(model, build(model, FLAT))
    for name, parameter in model.named_parameters():
        assert found[name][1] == (0.05 if parameter.ndim > 1 else 0.0)
    table = 'backbone.stages.2.blocks.1.attn.position_bias.table'
    assert found[table][1] == 0.05
    options = {**FLAT, 'bias_table_decay_mult': 0.5, 'flat_decay_mult': 2.0}
    found = settings(model, build(model, options))
    assert found[table][1] == 0.025
    assert found['head.weight'][1] == 0.05
    assert found['head.bias'][1] == 0.1


def test_without_a_weight_decay():
    model = tiny()
    cfg = dict(optimizer=dict(type='SGD', lr=0.1))
    wrapper = LayerDecayOptimWrapperConstructor(cfg, FLAT)(model)
    assert {g['weight_decay'] for g in wrapper.param_groups} == {0}


def test_groups_do_not_depend_on_wrapping_or_nesting():
    """The backbone is found in teacher-student and distributed wrappers."""
    model = tiny()
    plain = settings(model, build(model, FLAT))
    wrapped = Wrapped(Wrapped(model))
    nested = settings(wrapped, build(wrapped, FLAT))
    assert nested == {f'module.module.{k}': v for k, v in plain.items()}
    # A backbone on its own.
    alone = settings(model.backbone, build(model.backbone, FLAT))
    assert {f'backbone.{k}': v for k, v in alone.items()} == {
        k: v for k, v in plain.items() if k.startswith('backbone.')
    }


def test_two_backbones_each_count_their_own_layers():
    model = nn.ModuleDict(
        dict(
            deep=tiny().backbone,
            flat=MODELS.build(
                {
                    **TINY,
                    'arch': dict(
                        embed_dims=8, depths=(1, 1), num_heads=(1, 2)
                    ),
                    'window_sizes': (7, 7),
                }
            ),
        )
    )
    found = scales(model, FLAT)
    assert found['deep.patch_embed.proj.weight'] == 0.7**6
    assert found['flat.patch_embed.proj.weight'] == 0.7**3


def test_frozen_parameters_are_left_out():
    model = tiny(frozen_stages=2)
    found = settings(model, build(model, FLAT))
    trained = {k for k, p in model.named_parameters() if p.requires_grad}
    assert set(found) == trained
    assert not any('stages.1' in name for name in found)
    model.requires_grad_(False)
    with pytest.raises(ValueError, match='all parameters .* are frozen'):
        build(model, FLAT)


def test_a_resumed_run_has_the_same_groups():
    """A new model has the same group order, so optimizer states fit."""
    first, second = tiny(), tiny()
    second.load_state_dict(first.state_dict())
    one, two = (build(model, FLAT) for model in (first, second))
    images = torch.randn(2, 3, 28, 28)

    def step(model, wrapper):
        pooled = model.backbone(images)[-1].mean((2, 3))
        wrapper.update_params(model.head(pooled).square().mean())

    step(first, one)
    second.load_state_dict(first.state_dict())
    # As from a file; torch shares tensors with the state dict.
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    step(first, one)
    step(second, two)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('options', 'optimizer', 'message'),
    [
        ({'layer_decay_rate': 0}, {}, 'above 0 and at most 1.*got 0'),
        ({'layer_decay_rate': 1.1}, {}, 'above 0 and at most 1.*got 1.1'),
        ({'flat_decay_mult': -1}, {}, 'flat_decay_mult.*0 or more.*got -1'),
        ({'bias_table_decay_mult': -1}, {}, 'bias_table_decay_mult'),
        ({'layer_decay': 0.7}, {}, 'no layer_decay,.*mean layer_decay_rate'),
        ({}, {'lr': 0}, 'lr above 0, got 0'),
        ({}, {'lr': None}, 'lr above 0, got None'),
    ],
)
def test_bad_options_are_errors(options, optimizer, message):
    with pytest.raises(ValueError, match=message):
        build(tiny(), options, **optimizer)


def test_a_model_without_such_a_backbone_is_an_error():
    with pytest.raises(ValueError, match='Linear has no backbone with get_'):
        build(nn.Linear(2, 2), FLAT)


def test_a_wrong_layer_is_an_error(monkeypatch):
    model = tiny()
    monkeypatch.setattr(
        model.backbone, 'get_layer_depth', lambda name, prefix='': (8, 8)
    )
    with pytest.raises(ValueError, match='layer 8 for .*must be 0 to 7'):
        build(model, FLAT)


def test_options_are_not_changed():
    options = dict(FLAT)
    cfg = dict(type='AutocastOptimWrapper', dtype='float32', optimizer=ADAMW)
    before = {**cfg, 'optimizer': dict(ADAMW)}
    cfg['type'] = before['type'] = 'mixmae.AutocastOptimWrapper'
    LayerDecayOptimWrapperConstructor(cfg, options)(tiny())
    assert options == FLAT and cfg == before


def test_found_by_its_name_in_any_scope():
    """The runner builds it in the scope of another framework."""
    cfg = dict(
        type='mixmae.AutocastOptimWrapper',
        dtype='float32',
        optimizer=ADAMW,
        constructor='mixmae.LayerDecayOptimWrapperConstructor',
        paramwise_cfg=FLAT,
    )
    model = tiny()
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        wrapper = build_optim_wrapper(model, cfg)
    assert type(wrapper).__name__ == 'AutocastOptimWrapper'
    assert settings(model, wrapper) == settings(model, build(model, FLAT))
    # What a run writes to its log: the rate of the top.
    assert wrapper.get_lr()['lr'][0] == 2e-3
