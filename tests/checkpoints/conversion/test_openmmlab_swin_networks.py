"""mmdet's and mmseg's Swin against ours, on the same weights."""

from importlib import import_module

import pytest
import torch
from mmengine.config import ConfigDict

from mixmae.checkpoints.conversion.conversion import read_source
from mixmae.checkpoints.conversion.openmmlab_swin import from_swin, to_swin
from mixmae.registry import MODELS
from tests.checkpoints.conversion.networks import (
    SWIN,
    build,
    equal,
    file_of,
    images,
    inside,
    randomised,
    source_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('ignore')]
ALL = (0, 1, 2, 3)


@pytest.fixture(params=['mmdet', 'mmseg'])
def scope(request) -> str:
    pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')
    import_module(f'{request.param}.models')
    return request.param


def theirs(scope, **settings):
    config = dict(
        type=f'{scope}.SwinTransformer',
        embed_dims=8,
        depths=(1, 2, 3, 2),
        num_heads=(1, 2, 2, 4),
        patch_size=2,
        strides=(2, 2, 2, 2),
        window_size=4,
        **settings,
    )
    return randomised(build(config))


@torch.no_grad()
@pytest.mark.parametrize('outputs', [ALL, (1, 3)])
def test_there_and_back(tmp_path, scope, outputs):
    """All maps agree where no grid is padded; the way back is bit-equal."""
    config = dict(SWIN, out_indices=outputs)
    ours = randomised(build(config))
    file = source_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    conversion = to_swin(file, scope)
    other = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    for size in (128, (128, 192)):
        pairs = zip(ours(images(size)), other(images(size)), strict=True)
        for mine, found in pairs:
            torch.testing.assert_close(found, mine, rtol=0, atol=1e-12)
    target = tmp_path / 'b.pth'
    conversion.write(target)
    back = from_swin(read_source(target))
    assert equal(inside(back, 'backbone'), ours.state_dict())
    rebuilt = dict(back.model['backbone'], out_indices=outputs)
    again = build(rebuilt, inside(back, 'backbone'))
    assert torch.equal(again(images())[-1], ours(images())[-1])


@torch.no_grad()
def test_a_detector_gives_its_backbone(tmp_path, scope):
    backbone = theirs(scope)
    parts = {'backbone': backbone, 'rpn_head': torch.nn.Linear(2, 2)}
    conversion = from_swin(source_of(tmp_path / 'a.pth', parts))
    assert conversion.report.dropped['rpn_head.weight'].startswith('a part')
    config = dict(conversion.model['backbone'], out_indices=ALL)
    ours = build(config, inside(conversion, 'backbone'))
    pairs = zip(backbone(images()), ours(images()), strict=True)
    for found, mine in pairs:
        torch.testing.assert_close(mine, found, rtol=0, atol=1e-12)
    # And back, with their buffers.
    path = tmp_path / 'b.pth'
    conversion.write(path)
    back = to_swin(read_source(path), scope)
    assert equal(inside(back, 'backbone'), backbone.state_dict())


@torch.no_grad()
def test_padded_grids_are_equal_without_the_mask(tmp_path, scope):
    """mmdet pads with zeros after the first norm and attends to them."""
    config = dict(SWIN, out_indices=ALL)
    ours = randomised(build(config))
    parts = {'backbone': ours}
    file = source_of(tmp_path / 'a.pth', parts, {'backbone': config})
    conversion = to_swin(file, scope)
    assert 'above 64 pixels' in conversion.report.notes[0]
    other = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    x = images((150, 170))
    for mine, found in zip(ours(x), other(x), strict=True):
        torch.testing.assert_close(found, mine, rtol=0, atol=1e-12)
    masked = dict(config, mask_padding=True)
    file = source_of(tmp_path / 'b.pth', parts, {'backbone': masked})
    notes = to_swin(file, scope).report.notes
    assert 'at image sides of 128, 192, ... pixels' in notes[0]


@torch.no_grad()
def test_a_single_window_is_shifted_by_theirs_only(tmp_path, scope):
    """The measured difference is the one in the converter's note."""
    ours = randomised(build(dict(SWIN, out_indices=ALL)))
    file = source_of(
        tmp_path / 'a.pth',
        {'backbone': ours},
        {'backbone': dict(SWIN, out_indices=ALL)},
    )
    conversion = to_swin(file, scope)
    other = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    found = [
        float((one - two).abs().max())
        for one, two in zip(ours(images(64)), other(images(64)), strict=True)
    ]
    assert max(found[:3]) < 1e-12 and found[3] > 0.01


def test_learned_positions_are_refused(tmp_path, scope):
    settings = dict(use_abs_pos_embed=True, pretrain_img_size=32)
    file = source_of(
        tmp_path / 'a.pth', {'backbone': theirs(scope, **settings)}
    )
    with pytest.raises(ValueError, match='learned absolute positions'):
        from_swin(file)


def test_a_config_of_another_norm(tmp_path, scope):
    config = dict(SWIN, norm_eps=1e-3, out_indices=ALL)
    ours = randomised(build(config))
    path = file_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    conversion = to_swin(read_source(path), scope)
    other = build(conversion.model['backbone'], inside(conversion, 'backbone'))
    with torch.no_grad():
        difference = ours(images())[3] - other(images())[3]
    # It also applies to the norm of the patch embedding.
    assert float(difference.abs().max()) < 1e-12


def test_their_own_loader_loads_every_tensor(tmp_path, scope):
    """Their loader is not strict and would skip unknown keys."""
    config = dict(SWIN, out_indices=ALL)
    ours = randomised(build(config))
    file = source_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    conversion = to_swin(file, scope)
    path = tmp_path / 'b.pth'
    conversion.write(path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    theirs = ConfigDict(conversion.model['backbone'], init_cfg=init_cfg)
    other = MODELS.build(theirs).double()
    other.init_weights()
    wanted = inside(conversion, 'backbone')
    for key, value in other.state_dict().items():
        torch.testing.assert_close(value, wanted[key], rtol=0, atol=1e-6)
