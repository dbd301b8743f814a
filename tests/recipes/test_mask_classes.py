"""Values of masks and the classes assigned to them."""

from __future__ import annotations

from collections import Counter

import pytest

from mixmae.recipes.mask_classes import MaskMeaning, mask_meaning


def meaning(
    *values: int,
    names: tuple[str, ...] | None = None,
    zero: bool | None = None,
) -> MaskMeaning:
    return mask_meaning(Counter(dict.fromkeys(values, 100)), names, zero)


# Values in the masks, names, and the value of each class that follows.
@pytest.mark.parametrize(
    ('values', 'names', 'expected', 'reduced'),
    [
        # Black and white.
        ((0, 255), None, (0, 255), False),
        ((0, 255), ('background', 'roof'), (0, 255), False),
        ((0, 1), None, (0, 1), False),
        # From 0, and from 1, with and without 255.
        ((0, 1, 2), None, (0, 1, 2), False),
        ((0, 1, 2, 255), None, (0, 1, 2), False),
        ((1, 2, 3), None, (1, 2, 3), True),
        ((1, 2, 3, 255), None, (1, 2, 3), True),
        # 0 is not named, so it is no class.
        ((0, 1, 2, 3), ('a', 'b', 'c'), (1, 2, 3), True),
        ((0, 1, 2, 255), ('a', 'b'), (1, 2), True),
        # It is a class by its name.
        ((0, 1, 2), ('background', 'b', 'c'), (0, 1, 2), False),
        ((1, 2), ('background', 'b', 'c'), (0, 1, 2), False),
        # A class that does not occur.
        ((0, 2), ('a', 'b', 'c'), (0, 1, 2), False),
        # Likewise beside 255, which is no class then.
        ((0, 2, 255), ('a', 'b', 'c'), (0, 1, 2), False),
        ((0, 1, 3, 255), ('a', 'b', 'c'), (1, 2, 3), True),
        ((0, 2, 255), ('background', 'b', 'c'), (0, 1, 2), False),
        ((0, 3, 255), ('background', 'b', 'c'), (0, 3, 255), False),
        # Gaps.
        ((0, 64, 128), None, (0, 64, 128), False),
        ((0, 64, 255), None, (0, 64, 255), False),
        ((10, 20), ('a', 'b'), (10, 20), False),
    ],
)
def test_values_of_the_classes(
    values: tuple[int, ...],
    names: tuple[str, ...] | None,
    expected: tuple[int, ...],
    reduced: bool,
) -> None:
    found = meaning(*values, names=names)
    assert found.values() == expected
    assert found.reduce_zero_label == reduced
    assert len(found.classes) == len(expected)
    if names:
        assert found.classes == names


def test_the_last_value_is_shown() -> None:
    # 255 is the one that may be meant to be ignored.
    found = meaning(0, 1, 2, 4, 5, 6, 8, 255)
    assert found.rule.endswith('6 = 5, 8 = 6, 255 = 7')
    values = (*range(0, 40, 2), 255)
    found = meaning(*values, names=tuple(f'n{k}' for k in values))
    assert found.rule.endswith('22 = n22, ..., 255 = n255')


def test_zero_is_ignored_on_request() -> None:
    found = meaning(0, 1, 2, zero=True)
    assert found.values() == (1, 2) and found.reduce_zero_label
    assert meaning(1, 2, zero=False).values() == (1, 2)


def test_smoothed_masks_are_refused() -> None:
    with pytest.raises(ValueError, match='smoothed or saved as JPEG'):
        meaning(*range(8), *range(248, 256))
    with pytest.raises(ValueError, match='smoothed or saved as JPEG'):
        meaning(*range(200))


def test_names_that_do_not_match_the_values() -> None:
    with pytest.raises(ValueError, match='give a name for'):
        meaning(0, 50, 100, names=('a', 'b'))
