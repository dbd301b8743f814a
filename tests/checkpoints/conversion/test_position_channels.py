import torch

from mixmae.checkpoints.conversion.position_channels import (
    swap_backbone_channels,
    swap_neck_channels,
)
from mixmae.models.layers import decoder as decoder_module
from mixmae.models.layers.absolute_positions import sincos_embedding
from tests.checkpoints.conversion.networks import (
    MIXMIM,
    NECK,
    build,
    equal,
    images,
    randomised,
)


@torch.no_grad()
def test_swapped_positions_and_stream_are_an_equal_network():
    ours = randomised(build(dict(MIXMIM, out_indices=(0, 3))))
    state = swap_backbone_channels(ours.state_dict(), 8)
    other = build(dict(MIXMIM, out_indices=(0, 3)), state)
    changed = other(images(64))[1] - ours(images(64))[1]
    assert float(changed.abs().max()) > 0.01
    other.positions.table.copy_(other.positions.table.roll(4, -1))
    first, last = other(images(64))
    # The first map's channels are those of the stream.
    wanted = ours(images(64))
    torch.testing.assert_close(first.roll(4, 1), wanted[0])
    torch.testing.assert_close(last, wanted[1], rtol=0, atol=1e-12)
    assert equal(swap_backbone_channels(state, 8), ours.state_dict())


@torch.no_grad()
def test_swapped_decoder_positions_are_an_equal_network(monkeypatch):
    ours = randomised(build(NECK))
    state = swap_neck_channels(ours.state_dict(), 16)
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
