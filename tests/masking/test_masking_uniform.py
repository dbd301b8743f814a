import pytest
import torch

from mixmae.masking import UniformMasking
from tests.contracts.masking_contract import MaskingContract, generator


class TestHierarchical(MaskingContract):
    sizes = [(64, 64), (128, 64), (64, 192)]
    wrong_sizes = [
        ((96, 64), (128, 64)),
        ((250, 200), (256, 192)),
        ((0, 64), (64, 64)),
    ]

    def masking(self):
        return UniformMasking()


class TestViT(MaskingContract):
    sizes = [(224, 224), (32, 96)]
    wrong_sizes = [((224, 208), (224, 192)), ((10, 32), (32, 32))]

    def masking(self):
        return UniformMasking(multiple=32)


def blocks(cells: torch.Tensor) -> torch.Tensor:
    """(B, R, S) -> (B, 2x2 blocks, 4)."""
    x = cells.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).transpose(2, 3)
    return x.flatten(3).flatten(1, 2)


@pytest.mark.parametrize('size', [(256, 256), (64, 192)])
def test_one_cell_of_each_2x2_is_visible(size):
    mask = UniformMasking()(5, *size, generator(0))
    assert mask.hidden.size(0) == 5 and mask.one_in_four
    assert (blocks(~mask.hidden).sum(2) == 1).all()
    assert mask.num_hidden == 3 * mask.hidden[0].numel() // 4


@pytest.mark.parametrize(
    ('masking', 'size', 'stay'),
    [
        ({}, 256, 48),
        ({'multiple': 32}, 224, 36),
        ({'secondary_ratio': 0.5}, 64, 2),
    ],
)
def test_official_counts_of_secondary_cells(masking, size, stay):
    """int(64 * 0.75) of the visible cells stay (models_mae_swin.py)."""
    mask = UniformMasking(**masking)(4, size, size, generator(1))
    visible, again = ~mask.hidden, mask.secondary
    assert not (again & mask.hidden).any()
    assert ((visible & ~again).flatten(1).sum(1) == stay).all()


def test_without_secondary_masking():
    assert UniformMasking(secondary_ratio=0)(2, 64, 64).secondary is None


def test_corners_are_balanced_as_in_the_official_pool():
    """64 drawn of 4 x 32 without replacement: at most 32 of a corner.

    The variance of a corner's count is 64 (1/4) (3/4) (64/127) = 6.05;
    independent draws would have 12.
    """
    corner = blocks(~UniformMasking()(4000, 256, 256, generator(2)).hidden)
    counts = corner.sum(1).double()
    assert counts.max() <= 32
    torch.testing.assert_close(
        counts.mean(0),
        torch.full((4,), 16.0, dtype=torch.float64),
        rtol=0,
        atol=0.2,
    )
    torch.testing.assert_close(
        counts.var(0),
        torch.full((4,), 6.05, dtype=torch.float64),
        rtol=0.1,
        atol=0,
    )


def test_each_image_has_its_own_mask():
    mask = UniformMasking()(8, 256, 256, generator(3))
    for cells in (mask.hidden, mask.secondary):
        assert len({tuple(image.flatten().tolist()) for image in cells}) == 8


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'cell': 0}, 'at least 1 pixel, got 0'),
        ({'secondary_ratio': 1.0}, r'\[0, 1\), got 1.0'),
        ({'secondary_ratio': -0.1}, 'got -0.1'),
        ({'multiple': 48}, 'two cells, 32 pixels, got 48'),
        ({'multiple': 0}, 'got 0'),
    ],
)
def test_bad_arguments_of_uniform_masking(arguments, message):
    with pytest.raises(ValueError, match=message):
        UniformMasking(**arguments)


def test_too_much_secondary_masking():
    with pytest.raises(ValueError, match='leaves none of 4 cells visible'):
        UniformMasking(secondary_ratio=0.9)(1, 64, 64)
