import torch

from mixmae.models.layers.decoder import Decoder


def test_positions_distinguish_tokens_on_any_grid():
    torch.manual_seed(0)
    decoder = Decoder(16, 2, 4, out_channels=12)
    x = torch.zeros(2, 3, 5, 16)
    tokens = decoder(x)
    assert tokens.shape == (2, 15, 16)
    assert decoder.pixels(tokens).shape == (2, 15, 12)
    assert len(torch.unique(tokens[0], dim=0)) == 15
    assert torch.equal(tokens[0], tokens[1])


def test_selected_tokens_equal_those_of_the_whole_grid():
    torch.manual_seed(0)
    decoder = Decoder(16, 2, 4, out_channels=12)
    x = torch.randn(2, 3, 5, 16)
    wanted = torch.tensor([29, 0, 17])
    torch.testing.assert_close(
        decoder(x, wanted), decoder(x).flatten(0, 1)[wanted]
    )
