"""Settings of a segmentor."""

from collections import Counter

from mixmae.recipes.mask_classes import MaskMeaning, mask_meaning
from mixmae.recipes.segmentation import palette_of


def meaning(*values: int) -> MaskMeaning:
    return mask_meaning(Counter(values))


def test_colours_are_those_of_the_palette() -> None:
    palette = [[k, 2 * k, 0] for k in range(4)]
    assert palette_of(meaning(1, 2, 3), palette) == palette[1:]
    # Without one, or with equal colours, they are ours.
    for colours in (None, [[0, 0, 0]] * 256):
        ours = palette_of(meaning(*range(40)), colours)
        assert len({tuple(colour) for colour in ours}) == 40
