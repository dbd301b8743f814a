"""Validation split of a data set that has none."""

from collections import Counter

import pytest

from mixmae.recipes.labelled_split import split_off


def test_a_share_of_every_group() -> None:
    groups = ['a'] * 50 + ['b'] * 10 + ['c'] * 2 + ['d']
    kept, drawn = split_off(groups, 0.2)
    assert sorted(kept + drawn) == list(range(len(groups)))
    # One of two is drawn, and one alone stays to train on.
    counts = Counter(groups[index] for index in drawn)
    assert counts == {'a': 10, 'b': 2, 'c': 1}


def test_the_choice_depends_on_the_seed() -> None:
    groups = [0] * 40
    assert split_off(groups, 0.2, seed=1) == split_off(groups, 0.2, seed=1)
    assert split_off(groups, 0.2, seed=1) != split_off(groups, 0.2, seed=2)


@pytest.mark.parametrize('share', [0, 1, -0.1, float('nan')])
def test_an_impossible_share(share: float) -> None:
    with pytest.raises(ValueError, match='between 0 and 1'):
        split_off([0, 0], share)


def test_data_too_small_to_split() -> None:
    with pytest.raises(ValueError, match='val_data'):
        split_off(['a', 'b', 'c'], 0.2)
