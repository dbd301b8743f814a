import torch

from mixmae.models.layers.patches import PatchEmbed, PatchMerging


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
