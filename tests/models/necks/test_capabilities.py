import pytest
from torch import nn

from mixmae.models.necks.capabilities import require


class Backbone(nn.Module):
    takes_groups = True
    takes_coords = False
    unsupported = {'takes_coords': 'has seen full grids only'}


def test_what_a_backbone_can_do_passes():
    require(Backbone(), 'takes_groups', nn.Identity())


def test_a_refusal_quotes_the_reason():
    with pytest.raises(
        ValueError,
        match='Identity needs .* gathered .*; Backbone has seen full grids',
    ):
        require(Backbone(), 'takes_coords', nn.Identity())


def test_a_capability_must_be_stated():
    with pytest.raises(ValueError, match='Identity does not set takes_groups'):
        require(nn.Identity(), 'takes_groups', nn.Identity())
