from functools import partial

import pytest
import torch

from mixmae.apis import FeatureExtractor
from mixmae.models.layers.absolute_positions import SinCosPositions
from mixmae.models.layers.position_bias import resize_table
from mixmae.registry import MODELS
from tests.golden import formula
from tests.models.test_golden_mixmim import build


@pytest.fixture
def run(run):
    """Call the tool; return its exit status, output and errors."""
    return partial(run, 'official_to_mixmae')


def table(side: int, dims: int, of: int | None = None) -> torch.Tensor:
    """Return a fixed position table, possibly resized from another side."""
    positions = SinCosPositions(of or side, of or side, dims).at((side, side))
    return positions.flatten(0, 1)[None]


def official() -> dict:
    golden = formula.figures('mixmim')
    state = {
        name: value.float()
        for name, value in formula.weights(golden['parameters']).items()
    }
    state['absolute_pos_embed'] = table(56, 16)
    state['decoder_pos_embed'] = table(7, 64)
    index = 'layers.0.blocks.0.attn.relative_position_index'
    state[index] = torch.zeros(196, 196).long()
    return state


def test_features_of_official_files_with_and_without_a_config(tmp_path, run):
    """The official file needs a config, the converted one does not."""
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save({'model': official()}, source)
    assert run(source, target)[0] == 0
    with pytest.raises(ValueError, match='in.pth contains no config'):
        FeatureExtractor(None, source, 'cpu')
    converted = FeatureExtractor(None, target, 'cpu')
    given = FeatureExtractor(converted.cfg, source, 'cpu')
    image = torch.rand(3, 224, 224, generator=torch.manual_seed(0))
    found, wanted = (
        extract(image, channel_order='rgb', progress=False)[0]['features'][3]
        for extract in (converted, given)
    )
    assert found.std() > 0 and (found == wanted).all()


@pytest.mark.parametrize('wrapped', [True, False])
def test_converts_a_pretraining_checkpoint(tmp_path, run, wrapped):
    """Same tensors as in the network with the golden figures."""
    source, target = tmp_path / 'in.pth', tmp_path / 'deep' / 'out.pth'
    torch.save({'model': official()} if wrapped else official(), source)
    status, out, errors = run(source, target)
    assert status == 0, errors
    assert 'taken       mask_token -> neck.mask_token' in out
    assert 'dropped     absolute_pos_embed (frozen' in out
    assert '0 unexpected, 0 missing' in out
    content = torch.load(target, weights_only=True)
    wanted = build().float().state_dict()
    assert content['state_dict'].keys() == wanted.keys()
    assert all(
        torch.equal(content['state_dict'][key], wanted[key]) for key in wanted
    )
    model = content['meta']['model']
    assert model['data_preprocessor']['channel_order'] == 'RGB'
    assert model['neck']['decoder']['num_heads'] == 16


def test_resizes_for_other_windows(tmp_path, run):
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(official(), source)
    windows = ['--window-sizes', '16', '14', '24', '12']
    status, out, errors = run(source, target, *windows)
    assert status == 0, errors
    key = 'backbone.stages.0.blocks.0.attn.position_bias.table'
    assert f'resized     {key} (729, 1) -> (961, 1)' in out
    assert '4 of them resized' in out
    content = torch.load(target, weights_only=True)
    wanted = resize_table(
        official()['layers.0.blocks.0.attn.relative_position_bias_table'],
        16,
    )
    assert torch.equal(content['state_dict'][key], wanted)
    found = content['meta']['model']['backbone']['window_sizes']
    assert found == (16, 14, 24, 12)
    status, _, errors = run(source, tmp_path / 'other.pth', *windows[:3])
    assert status == 2
    assert 'each of the 4 stages' in errors


def test_converts_a_finetuning_checkpoint(tmp_path, run):
    """With its classifier; positions for 384 are resized from 224."""
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    state = {
        key: value
        for key, value in official().items()
        if 'decoder' not in key and key != 'mask_token'
    }
    weight = torch.ones(3, state['norm.weight'].numel())
    state.update({'head.weight': weight, 'head.bias': torch.ones(3)})
    for positions, size in ((table(96, 16, 56), None), (table(96, 16), 384)):
        state['absolute_pos_embed'] = positions
        torch.save({'model': state}, source)
        status, out, errors = run(source, target)
        assert status == 0, errors
        assert 'taken       head.weight -> head.fc.weight' in out
        model = torch.load(target, weights_only=True)['meta']['model']
        assert model['backbone'].get('img_size') == size


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            lambda s: s.update(absolute_pos_embed=torch.ones(1, 3136, 16)),
            'not a fixed sine-cosine table: the nearest one differs by',
        ),
        (
            lambda s: s.update(absolute_pos_embed=torch.ones(1, 3135, 16)),
            '3135 positions do not form a square grid',
        ),
        (
            lambda s: s.update(decoder_pos_embed=torch.zeros(1, 49, 64)),
            'positions of its decoder are zero',
        ),
    ],
)
def test_other_position_tables_are_refused(tmp_path, run, spoil, message):
    source = tmp_path / 'in.pth'
    state = official()
    spoil(state)
    torch.save(state, source)
    status, _, errors = run(source, tmp_path / 'out.pth')
    assert status == 2 and message in errors


def test_a_plain_swin_is_not_recognised_as_mixmim(tmp_path, run):
    """Microsoft's has the same names, but neither mask token nor positions."""
    source = tmp_path / 'in.pth'
    state = {
        key: value
        for key, value in official().items()
        if key.startswith(('patch_embed', 'layers', 'norm'))
    }
    torch.save({'model': state}, source)
    status, _, errors = run(source, tmp_path / 'out.pth')
    assert status == 2 and 'neither absolute_pos_embed nor' in errors


def test_another_kind_of_file(tmp_path, run):
    source = tmp_path / 'in.pth'
    torch.save({'model': {'x': torch.ones(1)}}, source)
    status, _, errors = run(source, tmp_path / 'out.pth')
    assert status == 2
    assert errors.startswith('error: not an official MixMIM')


def test_a_converted_base_network_has_the_official_size():
    """Depths and widths are derived from shapes alone."""
    with torch.device('meta'):
        model = MODELS.build({'type': 'MIMSwin', 'arch': 'mixmim-b'})
    assert sum(p.numel() for p in model.parameters()) == 86_917_944
