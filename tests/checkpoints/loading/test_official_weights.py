import pytest
import torch

from mixmae.checkpoints.loading.official_weights import (
    from_official_um_mae,
    is_official_um_mae,
)
from mixmae.registry import MODELS
from tests.checkpoints.loading.official_um_mae import to_official_um_mae
from tests.golden import formula
from tests.models.um_parts import um_model

FIGURES = formula.figures('ummae')


@pytest.fixture(params=['swin', 'pvt'])
def kind(request):
    return request.param


@pytest.fixture
def official(kind) -> dict[str, torch.Tensor]:
    """Return the state of a pretraining network, buffers included."""
    state = formula.weights(FIGURES[kind]['parameters'])
    state['decoder_pos_embed'] = torch.zeros(1, 256, 64)
    if kind == 'pvt':
        state['pos_embed'] = torch.zeros(1, 4096, 16)
    else:
        state['blocks.1.attn_mask'] = torch.zeros(16, 64, 64)
    return state


@pytest.fixture
def fine_tuned(kind) -> dict[str, torch.Tensor]:
    """Return a state without the decoder and with a classifier."""
    state = {
        key: value
        for key, value in formula.weights(FIGURES[kind]['parameters']).items()
        if 'mask_token' not in key and not key.startswith(('decoder', 'norm.'))
    }
    for name, shape in FIGURES[kind]['finetune']['extra'].items():
        state[name] = formula.parameter(name, shape, 'norm')
    width = state['fc_norm.weight'].numel()
    state['head.weight'] = torch.randn(5, width)
    state['head.bias'] = torch.randn(5)
    if kind == 'pvt':
        state['pos_embed'] = torch.randn(1, 4096, 16)
    return state


def test_every_official_key_is_mapped(official):
    assert is_official_um_mae(official)
    state, report = from_official_um_mae(official)
    assert report.complete
    frozen = {key for key in official if 'pos_embed' in key or 'mask' in key}
    assert report.dropped.keys() == frozen - {'mask_token', 'vis_mask_token'}
    assert len(state) == len(official) - len(report.dropped)


def test_there_and_back(official, fine_tuned):
    for given in (official, fine_tuned):
        ours, report = from_official_um_mae(given)
        theirs, back = to_official_um_mae(ours)
        assert report.complete and back.complete
        assert theirs.keys() == given.keys() - report.dropped.keys()
        for key, value in theirs.items():
            assert torch.equal(value, given[key]), key


def test_a_classifier(fine_tuned, kind):
    assert is_official_um_mae(fine_tuned)
    state, report = from_official_um_mae(fine_tuned)
    assert report.complete and not report.dropped
    others = {key for key in state if not key.startswith('backbone.')}
    assert others == {
        'neck.norm.weight',
        'neck.norm.bias',
        'head.fc.weight',
        'head.fc.bias',
    }
    if kind == 'pvt':
        table = state['backbone.positions.table']
        assert table.shape == (64, 64, 16)
        assert torch.equal(table[1, 2], fine_tuned['pos_embed'][0, 66])


def test_our_network_is_converted_there_and_back():
    """Every parameter, with a different depth in each stage."""
    arch = {
        'embed_dims': 8,
        'depths': (2, 1, 3, 1),
        'num_heads': (1, 2, 2, 4),
    }
    ours = um_model(backbone={'arch': arch}).state_dict()
    theirs, report = to_official_um_mae(ours)
    assert report.complete
    numbers = {int(key.split('.')[1]) for key in theirs if 'blocks.' in key}
    assert numbers == set(range(7))
    merging = {key.split('.')[1] for key in theirs if '.downsample.' in key}
    assert merging == {'2', '3', '6'}
    assert theirs['blocks.0.attn.posmlp.0.weight'].shape == (8, 2, 1, 1)
    back, _ = from_official_um_mae(theirs)
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_unknown_keys_are_reported(official):
    _, report = from_official_um_mae({**official, 'blocks.0.attn.x': None})
    assert report.unexpected == ['blocks.0.attn.x']
    assert not report.complete


def test_other_networks_are_not_taken_for_it():
    swin = MODELS.build({'type': 'MIMSwin', 'arch': 'tiny'}).state_dict()
    assert not is_official_um_mae(swin)
    mixmim = formula.weights(formula.figures('mixmim')['parameters'])
    assert not is_official_um_mae(mixmim)


@pytest.mark.parametrize('shape', [(1, 10, 4), (1, 0, 4), (9,), ()])
def test_learned_positions_must_be_square(fine_tuned, shape):
    with pytest.raises(ValueError, match='not a square grid'):
        from_official_um_mae({**fine_tuned, 'pos_embed': torch.ones(shape)})


def test_numbers_of_blocks_without_end(fine_tuned):
    """A huge block number must not be counted up to."""
    with pytest.raises(ValueError, match='block 9999999999 in a file of'):
        from_official_um_mae({**fine_tuned, 'blocks.9999999999.x': 1})
