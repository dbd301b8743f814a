"""timm's Swin against ours, on the same weights."""

from importlib import import_module

import pytest
import torch
from torch import nn

from mixmae.checkpoints.conversion.conversion import Source, read_source
from mixmae.checkpoints.conversion.timm_swin import from_timm, to_timm
from tests.checkpoints.conversion.networks import (
    SWIN,
    build,
    equal,
    images,
    inside,
    randomised,
    source_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('ignore')]


@pytest.fixture
def timm_swin():
    torch.manual_seed(0)
    name = 'timm.models.swin_transformer'
    return pytest.importorskip(name).SwinTransformer


def classifier(classes: int = 5) -> nn.Module:
    return nn.ModuleDict({'fc': nn.Linear(64, classes)}).double()


def filled(timm_swin, conversion) -> nn.Module:
    assert conversion.report.complete, conversion.report.lines()
    other = timm_swin(**conversion.model['SwinTransformer']).double().eval()
    other.load_state_dict(conversion.state, strict=True)
    return other


@torch.no_grad()
@pytest.mark.parametrize(
    ('windows', 'size'),
    [
        ((4, 4, 4, 4), 128),
        # The last grid is one window, which neither shifts.
        ((4, 4, 4, 4), 64),
        # Windows of a network for 64 pixels, and of others.
        ((8, 8, 8, 4), 64),
        ((8, 4, 2, 4), 128),
    ],
)
def test_there_and_back(tmp_path, timm_swin, windows, size):
    config = dict(SWIN, window_sizes=windows, img_size=size)
    ours = randomised(build(config))
    head = classifier()
    file = source_of(
        tmp_path / 'a.pth',
        {'backbone': ours, 'head': head},
        {'backbone': config},
    )
    conversion = to_timm(file)
    other = filled(timm_swin, conversion)
    mine = ours(images(size))[0]
    found = other.forward_features(images(size)).permute(0, 3, 1, 2)
    torch.testing.assert_close(found, mine, rtol=0, atol=1e-12)
    logits = head['fc'](mine.mean((2, 3)))
    torch.testing.assert_close(other(images(size)), logits, rtol=0, atol=1e-12)
    target = tmp_path / 'b.pth'
    conversion.write(target)
    back = from_timm(read_source(target))
    assert equal(inside(back, 'backbone'), ours.state_dict())
    assert equal(inside(back, 'head'), head.state_dict())
    again = build(back.model['backbone'], inside(back, 'backbone'))
    assert torch.equal(again(images(size))[0], mine)
    # By timm's own loader, too.
    helpers = import_module('timm.models')
    loaded = timm_swin(**conversion.model['SwinTransformer']).double()
    helpers.load_checkpoint(loaded, str(target), strict=True)
    assert equal(loaded.state_dict(), other.state_dict())


@torch.no_grad()
def test_windows_larger_than_the_grid_keep_the_centre(tmp_path, timm_swin):
    config = dict(SWIN, window_sizes=(8, 8, 8, 8), img_size=64)
    ours = randomised(build(config))
    file = source_of(
        tmp_path / 'a.pth', {'backbone': ours}, {'backbone': config}
    )
    conversion = to_timm(file)
    key = 'layers.3.blocks.0.attn.relative_position_bias_table'
    assert conversion.report.resized[key] == ((225, 4), (49, 4))
    other = filled(timm_swin, conversion)
    found = other.forward_features(images(64)).permute(0, 3, 1, 2)
    mine = ours(images(64))[0]
    torch.testing.assert_close(found, mine, rtol=0, atol=1e-12)
    # For larger images the network keeps its tables.
    large = to_timm(file, img_size=128)
    assert not large.report.resized
    found = filled(timm_swin, large).forward_features(images(128))
    mine = ours(images(128))[0].permute(0, 2, 3, 1)
    torch.testing.assert_close(found, mine, rtol=0, atol=1e-12)


@torch.no_grad()
def test_from_timm_with_and_without_a_classifier(tmp_path, timm_swin):
    settings = dict(
        img_size=128,
        patch_size=2,
        embed_dim=8,
        depths=(1, 2, 3, 2),
        num_heads=(1, 2, 2, 4),
        window_size=4,
    )
    for classes in (0, 5):
        other = randomised(timm_swin(num_classes=classes, **settings))
        file = Source('x', other.state_dict(), {})
        conversion = from_timm(file)
        ours = build(
            conversion.model['backbone'], inside(conversion, 'backbone')
        )
        found = ours(images())[0].permute(0, 2, 3, 1)
        wanted = other.forward_features(images())
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
        assert len(inside(conversion, 'head')) == (2 if classes else 0)


def test_microsofts_names_and_buffers(timm_swin):
    """Microsoft's Swin merges one stage earlier and saves its buffers."""
    other = randomised(
        timm_swin(
            img_size=128,
            patch_size=2,
            embed_dim=8,
            depths=(1, 2, 3, 2),
            num_heads=(1, 2, 2, 4),
            window_size=4,
            num_classes=5,
        )
    )
    state = {}
    for key, value in other.state_dict().items():
        words = key.replace('head.fc.', 'head.').split('.')
        if 'downsample' in words:
            words[1] = str(int(words[1]) - 1)
        state['.'.join(words)] = value
    index = 'layers.0.blocks.0.attn.relative_position_index'
    state[index] = torch.zeros(16, 16)
    state['layers.1.blocks.1.attn_mask'] = torch.zeros(4, 16, 16)
    conversion = from_timm(Source('x', state, {}))
    plain = from_timm(Source('x', other.state_dict(), {}))
    assert equal(dict(conversion.state), dict(plain.state))
    assert conversion.report.dropped[index] == 'index, recomputed'


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(window_sizes=(7, 7, 7, 7)), '64x64 tokens is padded to .* 7'),
        (dict(norm_eps=1e-6), 'its norm_eps is 1e-06, timm uses 1e-05'),
        (dict(img_size=(64, 32), window_sizes=(8,) * 4), 'non-square'),
        (dict(img_size=127), 'not a multiple of its patch size'),
    ],
)
def test_networks_that_timm_cannot_compute(tmp_path, settings, message):
    config = dict(SWIN, **settings)
    file = source_of(
        tmp_path / 'a.pth', {'backbone': build(config)}, {'backbone': config}
    )
    with pytest.raises(ValueError, match=message):
        to_timm(file)
