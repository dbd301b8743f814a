import torch
from torch.nn import functional as F

from mixmae.checkpoints.conversion.merging_permutation import (
    from_unfold_order,
    to_unfold_order,
)
from mixmae.models.layers.patches import PatchMerging


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
