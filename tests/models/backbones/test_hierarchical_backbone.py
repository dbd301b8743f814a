import subprocess
import sys

import pytest
import torch

from mixmae.registry import MODELS
from tests.models.parts import TINY, random_images

# Of TINY: patch embedding, blocks 1 + 1 + 2 + 1, what follows.
LAYERS = 7


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build({**TINY, **changes})


def trained(backbone) -> set[str]:
    """Return the parts of the backbone that get a gradient."""
    sum(x.square().sum() for x in backbone(random_images(1))).backward()
    parts = {
        '.'.join(name.split('.')[: 2 if name[:6] == 'stages' else 1])
        for name, parameter in backbone.named_parameters()
        if parameter.grad is not None
    }
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad == (parameter.grad is not None), name
    return parts


@pytest.mark.parametrize('frozen', [-1, 0, 1, 3])
def test_frozen_stages(frozen):
    parts = {f'stages.{i}' for i in range(4)} | {'norm0', 'norm2', 'norm3'}
    parts.add('patch_embed')
    backbone = build(frozen_stages=frozen, out_indices=(0, 2, 3)).train()
    if frozen >= 0:
        parts.remove('patch_embed')
    for i in range(frozen):
        parts -= {f'stages.{i}', f'norm{i}'}
    assert trained(backbone) == parts


def test_all_stages_frozen():
    backbone = build(frozen_stages=4)
    assert not any(p.requires_grad for p in backbone.parameters())


def test_frozen_parts_stay_in_evaluation_mode():
    """Frozen parts have no drop path, also after ``train()``."""
    backbone = build(frozen_stages=2, drop_path_rate=0.9).train()
    modes = [stage.training for stage in backbone.stages]
    assert modes == [False, False, True, True]
    assert not backbone.stages[1].blocks[0].drop_path.training
    assert backbone.stages[2].blocks[0].drop_path.training
    assert not any(stage.training for stage in backbone.eval().stages)


def test_norm_eval_affects_norms_only():
    backbone = build(norm_eval=True).train()
    assert not backbone.norm3.training
    assert not backbone.stages[1].blocks[0].norm1.training
    assert backbone.stages[1].blocks[0].training
    # A batch norm that was put into the network keeps its statistics.
    backbone.patch_embed.norm = torch.nn.BatchNorm2d(8)
    assert not backbone.train().patch_embed.norm.training


@pytest.mark.parametrize(
    ('name', 'layer'),
    [
        ('patch_embed.proj.weight', 0),
        ('patch_embed.norm.bias', 0),
        ('stages.0.blocks.0.attn.qkv.weight', 1),
        ('stages.1.downsample.reduction.weight', 2),
        ('stages.1.blocks.0.mlp.fc1.bias', 2),
        ('stages.2.downsample.norm.weight', 3),
        ('stages.2.blocks.0.norm1.weight', 3),
        ('stages.2.blocks.1.attn.position_bias.table', 4),
        ('stages.3.blocks.0.attn.proj.weight', 5),
        ('norm3.weight', 6),
        ('norm0.weight', 6),
    ],
)
def test_layer_depth(name, layer):
    backbone = build(out_indices=(0, 3))
    assert name in dict(backbone.named_parameters())
    assert backbone.get_layer_depth(name) == (layer, LAYERS)
    inside = backbone.get_layer_depth(f'backbone.{name}', 'backbone.')
    assert inside == (layer, LAYERS)


def test_other_parameters_are_the_last_layer():
    backbone = build()
    found = backbone.get_layer_depth('head.fc.weight', 'backbone.')
    assert found == (LAYERS - 1, LAYERS)


@pytest.mark.parametrize('frozen', [-2, 5])
def test_frozen_stages_out_of_range(frozen):
    with pytest.raises(ValueError, match=f'4 .all stages., got {frozen}'):
        build(frozen_stages=frozen)


def test_one_stage_as_output():
    assert build(out_indices=2).out_indices == [2]


@pytest.mark.parametrize('channels', [1, 4])
def test_another_number_of_channels(channels):
    images = torch.zeros(1, channels, 32, 32)
    for call in (build(), build().embed):
        with pytest.raises(ValueError, match=r'in_channels=3 .*got .1, '):
            call(images)


def test_a_start_from_scratch_imports_no_checkpoint_code():
    """Run in its own interpreter, as other tests import everything."""
    code = """
import sys
from mixmae.registry import MODELS
arch = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))
MODELS.build(dict(type='MIMSwin', arch=arch, img_size=64)).init_weights()
print(sorted(name for name in sys.modules if 'mixmae.checkpoints' in name))
"""
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split('\n')[-2] == '[]', done.stdout
