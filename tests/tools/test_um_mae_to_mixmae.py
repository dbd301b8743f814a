"""Conversion of official UM-MAE checkpoints, with the golden weights."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mixmae.checkpoints.conversion.conversion import Source
from mixmae.checkpoints.conversion.um_mae import from_um_mae
from mixmae.models.layers.absolute_positions import (
    grid_coords,
    sincos_embedding,
)
from mixmae.registry import MODELS
from tests.checkpoints.loading.official_um_mae import to_official_um_mae
from tests.golden import formula
from tests.golden.um_mae import golden_mask
from tests.tools.running import ROOT

GOLDEN = formula.figures('ummae')
KINDS = ('swin', 'pvt')
# What a config may say that is a default of ours.
DEFAULTS = {'norm_eps': 1e-6, 'positions': 'sincos', 'in_channels': 3}
each_kind = pytest.mark.parametrize('kind', KINDS)


@pytest.fixture
def run(run):
    """Call the tool; return its exit status, output and errors."""
    return partial(run, 'um-mae_to_mixmae')


def table(side: int, dims: int) -> torch.Tensor:
    coords = grid_coords(side, side, torch.device('cpu'))
    return sincos_embedding(coords, dims).flatten(0, 1)[None]


def official(kind: str, finetuned: bool = False) -> dict:
    """Write the golden weights and the buffers as an official file."""
    figures = GOLDEN[kind]
    state = formula.weights(figures['parameters'])
    if kind == 'pvt':
        state['pos_embed'] = table(64, 16).double()
    if finetuned:
        decoder = ('decoder', 'mask_token', 'vis_mask_token', 'norm.')
        state = {k: v for k, v in state.items() if not k.startswith(decoder)}
        for name, shape in figures['finetune']['extra'].items():
            state[name] = formula.parameter(name, shape, 'norm')
        channels = state['fc_norm.weight'].numel()
        state['head.weight'] = torch.ones(5, channels).double()
        state['head.bias'] = torch.ones(5).double()
    else:
        state['decoder_pos_embed'] = table(16, 64).double()
    return state


def config_of(kind: str, path, finetuned: bool = False):
    """Write a config file with the settings that tensors do not show."""
    arch = GOLDEN[kind]['arch']
    backbone = dict(
        img_size=256,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
        output_norms=not finetuned,
    )
    if kind == 'swin':
        keys = ('embed_dims', 'depths', 'num_heads')
        backbone.update(
            type='mixmae.MIMSwin',
            window_sizes=(16 if finetuned else 8,) * 4,
            position_bias='log_coordinates',
            bias_dims=arch['posmlp_dim'],
            merging='conv',
            shift=True,
            absolute_positions=False,
        )
    else:
        keys = ('embed_dims', 'depths', 'num_heads', 'mlp_ratios')
        backbone.update(
            type='mixmae.MIMPVT',
            sr_ratios=(8, 4, 2, 1) if finetuned else arch['sr_ratios'],
            reduction='pool',
            patch_norm=False,
            positions='learned' if finetuned else 'sincos',
        )
    backbone['arch'] = {key: arch[key] for key in keys}
    model = dict(backbone=backbone)
    if not finetuned:
        dims = arch['embed_dims']
        model['neck'] = dict(
            type='mixmae.UMMAENeck',
            in_channels=dims << 3 if kind == 'swin' else dims[-1],
            token_channels=dims if kind == 'swin' else dims[0],
            decoder={**arch['decoder'], 'norm_eps': 1e-6},
        )
    Config(dict(model=model)).dump(path)
    return path


def built(content: dict, part: str) -> nn.Module:
    """Build a part from the converted file's config, with its weights."""
    module = MODELS.build(content['meta']['model'][part]).double().eval()
    prefix = f'{part}.'
    module.load_state_dict(
        {
            key.removeprefix(prefix): value
            for key, value in content['state_dict'].items()
            if key.startswith(prefix)
        },
        strict=True,
    )
    return module


@each_kind
def test_pretraining_has_the_official_figures(tmp_path, run, kind):
    """Loss and latent in float64 of the converted file's model."""
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save({'model': official(kind)}, source)
    config = config_of(kind, tmp_path / 'config.py')
    status, out, errors = run(source, target, '--config', config)
    assert status == 0, errors
    assert 'taken       vis_mask_token -> neck.secondary_token' in out
    assert 'dropped     decoder_pos_embed (frozen' in out
    assert '0 unexpected, 0 missing' in out
    assert 'these weights need legacy_position_order=True' in out
    content = torch.load(target, weights_only=True)
    assert content['meta']['grade'] == 'converted'
    backbone, neck = built(content, 'backbone'), built(content, 'neck')
    head = MODELS.build(dict(type='MaskedReconstructionHead'))
    figures = GOLDEN[kind]
    images = formula.images('images', figures['batch'], 256)
    mask = golden_mask(figures['batch'])
    with torch.no_grad():
        visible = neck.hide(backbone.embed(images), mask, backbone.embed_token)
        latent = backbone.encode(*visible)
        loss = head.loss(neck.reveal(latent, mask), images, mask)['loss']
    wanted = figures['latent_l2']
    assert latent.norm().item() == pytest.approx(wanted, rel=1e-8)
    assert loss.item() == pytest.approx(figures['loss'], rel=1e-8)


@each_kind
def test_finetuning_has_the_official_figures(tmp_path, run, kind):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(official(kind, finetuned=True), source)
    config = config_of(kind, tmp_path / 'config.py', finetuned=True)
    status, out, errors = run(source, target, '--config', config)
    assert status == 0, errors
    assert 'taken       fc_norm.weight -> neck.norm.weight' in out
    assert 'taken       head.weight -> head.fc.weight' in out
    assert 'legacy' not in out
    content = torch.load(target, weights_only=True)
    backbone, neck = built(content, 'backbone'), built(content, 'neck')
    figures = GOLDEN[kind]['finetune']
    images = formula.images('images_finetune', figures['batch'], 256)
    with torch.no_grad():
        (pooled,) = neck(backbone(images))
    assert pooled.norm().item() == pytest.approx(
        figures['pooled_l2'], rel=1e-8
    )


@each_kind
@pytest.mark.parametrize('finetuned', [False, True])
def test_there_and_back_bit_for_bit(tmp_path, run, kind, finetuned):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    state = official(kind, finetuned)
    torch.save(state, source)
    config = config_of(kind, tmp_path / 'config.py', finetuned)
    assert run(source, target, '--config', config)[0] == 0
    content = torch.load(target, weights_only=True)
    back, report = to_official_um_mae(content['state_dict'])
    assert report.complete
    frozen = {'pos_embed', 'decoder_pos_embed'} - back.keys()
    assert back.keys() == state.keys() - frozen
    assert all(torch.equal(back[key], state[key]) for key in back)


@each_kind
@pytest.mark.parametrize('finetuned', [False, True])
def test_official_networks_need_no_config(kind, finetuned):
    """The assumed settings of Swin-T and PVT-S are those of our configs."""
    stem = {'swin': 'swin-t', 'pvt': 'pvt-s'}[kind]
    name = f'um_mae/{stem}_8xb128_200e'
    if finetuned:
        name = f'classification/{stem}-um-mae_8xb64-100e_in1k-256'
    model = Config.fromfile(ROOT / f'configs/{name}.py').model
    wanted = {
        part: {**model[part], 'type': f'mixmae.{kind}'}
        for part, kind in (
            (part, model[part].type.split('.')[-1])
            for part in ('backbone', 'neck')
        )
    }
    with torch.device('meta'):
        parts = {part: MODELS.build(wanted[part]) for part in wanted}
        state = nn.ModuleDict(parts).state_dict()
    done = from_um_mae(Source('x.pth', to_official_um_mae(state)[0], {}))
    assert done.report.complete, done.report.lines()
    assert 'assumed to be the official ones' in done.report.notes[0]
    for part, settings in wanted.items():
        found = {**DEFAULTS, **done.model[part]}
        for key, value in settings.items():
            if key in ('neck', 'decoder'):
                assert {**found[key], **value} == found[key]
            elif key not in ('arch', 'drop_path_rate', 'init_cfg'):
                assert found[key] == value, (part, key)
    assert 'legacy_position_order' not in model['neck']
    legacy = done.model['neck'].get('legacy_position_order', False)
    assert legacy != finetuned


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda s: s.update(surprise=torch.ones(1)), 'unexpected  surprise'),
        (
            lambda s: s.pop('blocks.3.mlp.fc1.weight'),
            'missing     backbone.stages.1.blocks.1.mlp.fc1.weight',
        ),
        (
            lambda s: s.update({'norm.weight': torch.ones(7)}),
            'norm3.weight of shape (7,), expected (192,)',
        ),
    ],
)
def test_keys_that_do_not_fit(tmp_path, run, spoil, message):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    state = official('swin')
    spoil(state)
    torch.save(state, source)
    config = config_of('swin', tmp_path / 'config.py')
    status, out, errors = run(source, target, '--config', config)
    assert status == 2
    assert message in out
    assert 'nothing was written' in errors
    assert not target.exists()


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ({'x': torch.ones(1)}, 'not an official UM-MAE checkpoint'),
        ({'backbone.x': torch.ones(1)}, 'already is a mixmae checkpoint'),
        (official('pvt'), 'whose number of heads is unknown'),
        (
            {**official('pvt'), 'pos_embed': torch.ones(1, 4096, 16)},
            'not a fixed sine-cosine table',
        ),
        (
            {**official('pvt'), 'pos_embed': torch.zeros(1, 4096, 16)},
            'pos_embed is not a table of the official code',
        ),
        (
            {k: v for k, v in official('swin').items() if 'mask_t' not in k},
            'neither a decoder',
        ),
    ],
    ids=['other', 'ours', 'heads', 'positions', 'zero', 'half'],
)
def test_other_files_are_refused(tmp_path, run, state, message):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(state, source)
    status, _, errors = run(source, target)
    assert status == 2 and message in errors
    assert errors.startswith('error: ') and errors.count('\n') == 1
    assert not target.exists()
