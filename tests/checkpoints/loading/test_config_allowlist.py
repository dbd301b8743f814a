"""Allowlist of the parts that a checkpoint's config may name."""

import subprocess
import sys

import pytest

from mixmae.checkpoints.loading.config_allowlist import (
    SCOPES,
    TASK_PARTS,
    TEST_STEPS,
    registered_parts,
)
from mixmae.registry import MODELS, TASK_UTILS, TRANSFORMS
from tests.engine.tiny_run import MODEL

MODEL_PARTS = (MODELS, TASK_UTILS)


def test_registered_parts_are_kept():
    assert registered_parts(MODEL, MODEL_PARTS, 'x.pth') == MODEL
    other = dict(type='mmengine.ImgDataPreprocessor')
    prefixed = dict(type='mixmae.MIMSwin', more=(other, [2]))
    for scope in SCOPES:
        found = registered_parts(prefixed, MODEL_PARTS, 'x.pth', scope)
        assert found == prefixed
    steps = [dict(type='LoadImage'), dict(type='mixmae.SeedSample')]
    assert steps == registered_parts(
        steps, (TRANSFORMS,), 'x.pth', allowed=SCOPES
    )


def test_packages_print_nothing_when_they_are_imported():
    """mmpretrain, mmdet and mmseg print names of other packages."""
    code = (
        'from mixmae.checkpoints.loading.config_allowlist import *\n'
        'from mixmae.registry import TRANSFORMS\n'
        "steps = [dict(type='mmpretrain.ResizeEdge')]\n"
        "registered_parts(steps, (TRANSFORMS,), 'x', 'mixmae', SCOPES)\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, '')


def test_files_that_parts_would_load_are_left_out():
    init = dict(type='Pretrained', checkpoint='https://example.org/a.pth')
    config = dict(type='MIMSwin', init_cfg=init, more=[dict(init_cfg=[init])])
    found = registered_parts(config, MODEL_PARTS, 'x.pth')
    assert found == dict(type='MIMSwin', more=[{}])
    assert 'init_cfg' in config


@pytest.mark.parametrize(
    'part',
    [
        dict(type='os.system', command=''),
        dict(type='torch.hub.load'),
        # A lookup would import it.
        dict(type='antigravity'),
        dict(type='mixmae.models.MIMSwin'),
        dict(type='mmengine.load', file='x.pkl'),
        dict(type='torch.nn.Linear'),
        dict(type=5),
        dict(type=None),
        dict(type=['MIMSwin']),
        # Registered, but in another registry.
        dict(type='mixmae.LoadImage'),
        # Parts of other libraries that may download code.
        dict(type='mmpretrain.TIMMBackbone'),
        dict(type='MIMSwin', _scope_='json.tool'),
    ],
    ids=str,
)
@pytest.mark.parametrize('place', ['itself', 'in a dict', 'in a list'])
def test_everything_else_is_refused(part, place):
    config = {
        'itself': part,
        'in a dict': dict(type='MIMSwin', a=dict(type='MIMViT', a=part)),
        'in a list': dict(a=(1, [dict(type='MIMViT'), part])),
    }[place]
    with pytest.raises(ValueError, match='^x.pth contains a config with') as e:
        registered_parts(config, MODEL_PARTS, 'x.pth')
    assert '\n' not in str(e.value)


def test_a_type_of_a_task_must_be_text():
    config = dict(type='MIMSwin', norm_cfg=dict(type=['BN']))
    with pytest.raises(ValueError, match='^x.pth contains a config with'):
        registered_parts(config, MODEL_PARTS, 'x.pth', names=TASK_PARTS)


def test_scopes_that_would_be_imported_are_refused():
    with pytest.raises(ValueError, match="the scope 'json.tool'"):
        registered_parts(dict(a=1), MODEL_PARTS, 'x.pth', 'json.tool')


def carried(steps, scope='mixmae'):
    return registered_parts(
        steps, (TRANSFORMS,), 'x.pth', scope, SCOPES, TEST_STEPS
    )


def test_steps_that_read_only_the_image_are_kept():
    pad = dict(type='Pad', size=(4, 4))
    steps = [
        dict(type='mixmae.SeedSample'),
        dict(type='mmpretrain.Resize', scale=(4, 4)),
        dict(type='mmpretrain.CenterCrop', crop_size=4, pad_cfg=pad),
    ]
    for scope in SCOPES:
        assert carried(steps, scope) == steps
    assert carried([dict(type='Resize')], 'mmpretrain')
    assert carried([dict(type='DrawFlip')]) == [dict(type='DrawFlip')]


@pytest.mark.parametrize(
    'step',
    [
        # Downloads a tokenizer.
        dict(type='mmdet.RandomSamplingNegPos', tokenizer_name='x'),
        # Evaluates the option.
        dict(type='mmpretrain.torchvision/Resize', size=1, dtype='code'),
        # Build other transforms.
        dict(type='mmpretrain.RandomResize', scale=1, resize_type='x'),
        dict(type='mmdet.ResizeShortestEdge', scale=4, resize_type='x'),
        dict(type='mmpretrain.ApplyToList', transforms=[]),
        dict(
            type='mmpretrain.CenterCrop',
            pad_cfg=dict(type='mmpretrain.LoadImageFromFile'),
        ),
    ],
    ids=lambda step: step['type'],
)
def test_other_steps_are_refused(step):
    with pytest.raises(ValueError, match='that is allowed there .outside of'):
        carried([step])
