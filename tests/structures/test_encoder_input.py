import torch

from mixmae.structures import AttentionGroups
from tests.models.parts import random_mask


def test_order_sorts_and_undoes():
    groups = AttentionGroups(random_mask(64, 96))
    for stride in (16, 8, 4):
        grid = 64 // stride, 96 // stride
        labels = groups.labels(*grid).flatten()
        permutation, inverse, sizes = groups.order(*grid)
        visible, hidden = labels[permutation].split(sizes)
        assert not visible.any() and hidden.all()
        assert torch.equal(permutation[inverse], torch.arange(labels.numel()))


def test_order_keeps_raster_order_within_a_group():
    permutation, _, sizes = AttentionGroups(random_mask()).order(8, 8)
    for part in permutation.split(sizes):
        assert torch.equal(part, part.sort().values)


def test_no_common_order_of_different_masks():
    assert AttentionGroups(random_mask(batch=2)).order(8, 8) is None
