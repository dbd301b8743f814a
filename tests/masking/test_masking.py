import pytest
import torch

from mixmae.masking import RandomMasking
from tests.contracts.masking_contract import MaskingContract, generator


class TestShared(MaskingContract):
    wrong_sizes = [((60, 64), (64, 64)), ((10, 95), (16, 96))]

    def masking(self):
        return RandomMasking(0.5, cell=16, shared=True)


class TestPerImage(MaskingContract):
    sizes = [(64, 64), (96, 64)]

    def masking(self):
        return RandomMasking(0.6, cell=32, shared=False, rounding='ceil')


class TestRange(MaskingContract):
    def masking(self):
        return RandomMasking(0.3, cell=16, range_mask_ratio=0.4)


@pytest.mark.parametrize(
    ('arguments', 'size', 'count'),
    [
        ({'ratio': 0.5}, 224, 24),
        ({'ratio': 0.6}, 224, 29),
        ({'ratio': 0.6, 'rounding': 'ceil'}, 224, 30),
        ({'ratio': 0.6, 'rounding': 'ceil'}, 192, 22),
    ],
)
def test_official_counts(arguments, size, count):
    """MixMIM truncates, SimMIM rounds up (facts of both codes)."""
    for seed in range(5):
        mask = RandomMasking(**arguments)(2, size, size, generator(seed))
        assert mask.num_hidden == count
        assert mask.hidden.sum() == count


def test_every_cell_is_hidden_equally_often():
    masking = RandomMasking(0.5, cell=16)
    g = generator(0)
    share = torch.stack(
        [masking(1, 64, 64, g).hidden.float() for _ in range(4000)]
    ).mean(0)
    # 4,000 fair draws have a standard deviation of 0.008.
    assert (share - 0.5).abs().max() < 0.04


def test_one_mask_for_all_or_one_each():
    assert RandomMasking(shared=True)(4, 64, 64).hidden.shape == (1, 2, 2)
    masks = RandomMasking(cell=16, shared=False)(4, 64, 64, generator(0))
    assert masks.hidden.shape == (4, 4, 4)
    assert len({tuple(hidden.flatten()) for hidden in masks.hidden}) > 1


def test_range_draws_one_count_per_step():
    masking = RandomMasking(0.25, 16, shared=False, range_mask_ratio=0.5)
    g = generator(0)
    counts = [masking(3, 64, 64, g).num_hidden for _ in range(40)]
    assert None not in counts
    assert min(counts) >= 4 and max(counts) < 12 and len(set(counts)) > 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'ratio': 0.0}, r'\(0, 1\), got 0.0'),
        ({'ratio': 1}, r'\(0, 1\), got 1'),
        ({'ratio': 0.5, 'range_mask_ratio': 0.5}, r'0.5 \+ 0.5'),
        ({'range_mask_ratio': -0.1}, 'not negative'),
        ({'cell': 0}, 'at least 1 pixel, got 0'),
        ({'rounding': 'round'}, 'got round'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomMasking(**arguments)


def test_too_few_cells():
    with pytest.raises(ValueError, match='hides 0 of the 1 cells'):
        RandomMasking(0.5, cell=32)(1, 32, 32)
