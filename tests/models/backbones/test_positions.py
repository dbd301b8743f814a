import pytest
import torch

from mixmae.models.backbones.positions import (
    build_positions,
    check_positions,
    token_grid,
)


@pytest.mark.parametrize('size', [(64, 96), (65, 93), (61, 96)])
def test_a_grid_covers_the_image_by_less_than_one_patch_more(size):
    for side, tokens in zip(size, token_grid(size, 4), strict=True):
        assert side <= 4 * tokens < side + 4
    assert token_grid(size[0], 4) == (token_grid(size, 4)[0],) * 2


def test_learned_positions_start_as_the_frozen_ones():
    frozen, learned = (
        build_positions(kind, (3, 5), 8, 'bicubic')
        for kind in ('sincos', 'learned')
    )
    assert torch.equal(frozen.table, learned.table)
    assert not list(frozen.parameters()) and list(learned.parameters())


def test_choices():
    check_positions('sincos', 'sincos', ('sincos', 'learned'))
    with pytest.raises(ValueError, match="got 'per_stage'"):
        check_positions('per_stage', 'bicubic', ('sincos', 'learned'))
    with pytest.raises(ValueError, match="needs positions='sincos'"):
        check_positions('learned', 'sincos', ('sincos', 'learned'))
