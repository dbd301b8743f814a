import pytest
import torch
from torch.nn import functional as F

from mixmae.checkpoints.conversion.tensor_layout import (
    centre_of_table,
    from_unfold_order,
    identify_positions,
    swap_channels,
    to_unfold_order,
)
from mixmae.models.layers import decoder as decoder_module
from mixmae.models.layers.absolute_positions import (
    SinCosPositions,
    sincos_embedding,
)
from mixmae.models.layers.attention_layout import clamped_positions
from mixmae.models.layers.patches import PatchMerging
from mixmae.models.layers.position_bias import RelativePositionBias
from tests.checkpoints.conversion.networks import (
    MIXMIM,
    NECK,
    build,
    equal,
    images,
    randomised,
)


def test_a_smaller_grid_uses_the_centre():
    large, small = RelativePositionBias(7, 3), RelativePositionBias(4, 3)
    small.table.data = centre_of_table(large.table.data, 4)
    looked_up = large(clamped_positions(4, 4, 7, None))
    assert torch.equal(small(), looked_up)
    table = large.table.data
    assert torch.equal(centre_of_table(table, 7), table)


def test_a_merging_that_unfolds_computes_the_same():
    """Compared with mmcv's PatchMerging, written out, on 6 x 4 tokens."""
    torch.manual_seed(0)
    ours = PatchMerging(3).double()
    for parameter in ours.parameters():
        parameter.data = torch.randn_like(parameter)
    x = torch.randn(2, 6, 4, 3).double()
    tokens = F.unfold(x.permute(0, 3, 1, 2), 2, stride=2).transpose(1, 2)
    weight, bias = map(to_unfold_order, (ours.norm.weight, ours.norm.bias))
    tokens = F.layer_norm(tokens, (12,), weight, bias)
    found = tokens @ to_unfold_order(ours.reduction.weight).T
    torch.testing.assert_close(found, ours(x).flatten(1, 2))


def test_there_and_back():
    x = torch.arange(40.0).view(2, 20)
    there = to_unfold_order(x)
    assert not torch.equal(there, x)
    assert torch.equal(from_unfold_order(there), x)


@torch.no_grad()
def test_swapped_positions_and_stream_are_an_equal_network():
    ours = randomised(build(dict(MIXMIM, out_indices=(0, 3))))
    state = swap_channels(ours.state_dict(), 8)
    other = build(dict(MIXMIM, out_indices=(0, 3)), state)
    changed = other(images(64))[1] - ours(images(64))[1]
    assert float(changed.abs().max()) > 0.01
    other.positions.table.copy_(other.positions.table.roll(4, -1))
    first, last = other(images(64))
    # The first map's channels are those of the stream.
    wanted = ours(images(64))
    torch.testing.assert_close(first.roll(4, 1), wanted[0])
    torch.testing.assert_close(last, wanted[1], rtol=0, atol=1e-12)
    assert equal(swap_channels(state, 8), ours.state_dict())


@torch.no_grad()
def test_swapped_decoder_positions_are_an_equal_network(monkeypatch):
    ours = randomised(build(NECK))
    state = swap_channels(ours.state_dict(), 16)
    other = build(NECK, state)
    latent = torch.randn(2, 3, 2, 64).double()

    def predict(neck):
        return neck.decoder.pixels(neck.decoder(neck.embed(latent)))

    wanted = predict(ours)
    assert float((predict(other) - wanted).abs().max()) > 0.01
    monkeypatch.setattr(
        decoder_module,
        'sincos_embedding',
        lambda coords, dims: sincos_embedding(coords, dims).roll(8, -1),
    )
    torch.testing.assert_close(predict(other), wanted, rtol=0, atol=1e-12)
    swapped = [
        key
        for key in state
        if not torch.equal(state[key], ours.state_dict()[key])
    ]
    assert 'mask_token' in swapped and 'decoder.predict.weight' in swapped
    assert 'decoder.predict.bias' not in swapped


def table(side: int, of: int | None = None) -> torch.Tensor:
    positions = SinCosPositions(of or side, of or side, 8).at((side, side))
    return positions.flatten(0, 1)[None]


def test_ours_and_theirs():
    found = identify_positions(table(6))
    assert found == (6, True, False, 0.0)
    found = identify_positions(table(6).roll(4, -1))
    assert found.swapped and found.present
    # Half precision is close enough, and is noted.
    found = identify_positions(table(6).half())
    assert 0 < found.deviation < 1e-3


def test_resized_tables_are_recognised_by_their_original_size():
    found = identify_positions(table(12, 7), others=(5, 7))
    assert found.side == 7 and not found.swapped
    with pytest.raises(ValueError, match='the nearest one differs by'):
        identify_positions(table(12, 7))


def test_zeros_are_recognised_as_no_positions():
    assert not identify_positions(torch.zeros(1, 9, 8)).present
