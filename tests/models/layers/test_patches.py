import torch

from mixmae.models.layers.patches import (
    ConvMerging,
    PatchEmbed,
    PatchMerging,
)


def test_merging_stacks_column_by_column():
    """The order of timm's PatchMerging."""
    merging = PatchMerging(2)
    x = torch.randn(2, 4, 6, 2)
    stacked = [x[:, y::2, column::2] for column in (0, 1) for y in (0, 1)]
    wanted = merging.reduction(merging.norm(torch.cat(stacked, -1)))
    torch.testing.assert_close(merging(x), wanted)


def test_odd_sides_are_padded_with_zeros():
    merging = PatchMerging(2)
    x = torch.randn(1, 3, 5, 2)
    padded = torch.zeros(1, 4, 6, 2)
    padded[:, :3, :5] = x
    assert torch.equal(merging(x), merging(padded))


def test_embedding_rounds_up():
    embed = PatchEmbed(4, 8)
    images = torch.randn(2, 3, 9, 15)
    padded = torch.zeros(2, 3, 12, 16)
    padded[..., :9, :15] = images
    assert embed(images).shape == (2, 3, 4, 8)
    assert torch.equal(embed(images), embed(padded))


def test_embedding_of_tokens_without_norm():
    embed = PatchEmbed(2, 8, norm_eps=None, in_channels=5)
    tokens = torch.randn(2, 5, 4, 6)
    assert not [name for name in embed.state_dict() if 'norm' in name]
    found = embed(tokens)[1, 1, 2]
    wanted = embed.proj(tokens[1:, :, 2:, 4:]).flatten()
    torch.testing.assert_close(found, wanted)


def test_conv_merging_is_a_convolution_of_normed_tokens():
    merging = ConvMerging(3, out_dims=5)
    x = torch.randn(2, 4, 6, 3)
    normed = merging.norm(x).permute(0, 3, 1, 2)
    wanted = merging.proj(normed).permute(0, 2, 3, 1)
    torch.testing.assert_close(merging(x), wanted)


def test_conv_merging_pads_behind_its_norm():
    merging = ConvMerging(2)
    x = torch.randn(1, 3, 5, 2)
    padded = torch.zeros(1, 2, 4, 6)
    padded[..., :3, :5] = merging.norm(x).permute(0, 3, 1, 2)
    wanted = merging.proj(padded).permute(0, 2, 3, 1)
    torch.testing.assert_close(merging(x), wanted)


def test_conv_merging_without_norm():
    names = ConvMerging(2, norm_eps=None).state_dict()
    assert names.keys() == {'proj.weight', 'proj.bias'}
