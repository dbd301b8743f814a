"""Input that the converters refuse in one line, without output files."""

import json

import pytest
from safetensors import safe_open

from tests.checkpoints.conversion.networks import (
    MIXMIM,
    SWIN,
    build,
)


def test_weights_of_another_task_keep_their_task(
    tmp_path, run, swin, pretraining
):
    target = tmp_path / 'bare.safetensors'
    status, _, errors = run('mixmae_to_safetensors', swin, target)
    assert status == 2 and not target.exists()
    assert 'a model with rpn_head, neither' in errors
    assert '--from-task' in errors and 'prefix=' not in errors
    # A pretraining checkpoint needs no option.
    assert run('mixmae_to_safetensors', pretraining, target)[0] == 0
    with safe_open(target, 'pt') as file:
        source = json.loads(file.metadata()['source'])
    assert source == 'converted from pretraining.pth'


@pytest.mark.parametrize('other', ['mmpretrain', 'timm'])
def test_invalid_image_sizes(tmp_path, run, swin, pretraining, other):
    source = swin if other == 'timm' else pretraining
    target = tmp_path / 'out.pth'
    arguments = (source, target, '--img-size', 0)
    status, _, errors = run(f'mixmae_to_{other}', *arguments)
    assert status == 2 and not target.exists()
    assert '--img-size must be at least 1, got 0' in errors


@pytest.mark.parametrize('other', ['mmdet', 'mmseg', 'timm', 'mmpretrain'])
def test_our_own_files_need_no_conversion(tmp_path, run, swin, other):
    target = tmp_path / 'out.pth'
    status, _, errors = run(f'{other}_to_mixmae', swin, target)
    assert status == 2 and not target.exists()
    assert 'swin.pth already is a mixmae checkpoint' in errors


@pytest.mark.parametrize('other', ['timm', 'mmdet', 'mmpretrain'])
def test_the_backbone_names_the_conversion(
    tmp_path, run, swin, pretraining, other
):
    """init_cfg with an unconverted file of another code base."""
    source = pretraining if other == 'mmpretrain' else swin
    config = MIXMIM if other == 'mmpretrain' else SWIN
    theirs = tmp_path / 'theirs.pth'
    assert run(f'mixmae_to_{other}', source, theirs)[0] == 0
    backbone = build(config)
    backbone.init_cfg = dict(type='Pretrained', checkpoint=str(theirs))
    command = f'tools/convert.py {theirs} OUT --from {other}'
    with pytest.raises(ValueError, match=command):
        backbone.init_weights()
