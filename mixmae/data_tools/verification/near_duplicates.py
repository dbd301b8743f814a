"""Images of different splits that look alike."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import cv2
import numpy as np
from numpy import ndarray

from mixmae.recipes.labelled_split import TEST_NAMES, TRAIN_NAMES, VAL_NAMES

# Bits of 64 that hashes of likely duplicates differ in, at most.
MOST_BITS = 3
# Images with less contrast, of 0 to 255, look alike without being alike.
LEAST_CONTRAST = 16
SPLITS = {
    name: split
    for split, names in (
        ('train', TRAIN_NAMES), ('val', VAL_NAMES), ('test', TEST_NAMES),
    )
    for name in names
}  # fmt: skip


def difference_hash(pixels: ndarray) -> int | None:
    """Return 64 signs of differences in an image reduced to 9 x 8 pixels.

    Other sizes and compressions of an image have almost the same signs.

    Args:
        pixels: (H, W, channels), 0 to 255.

    Returns:
        ``None`` for an image without contrast.
    """
    grey = pixels.astype(np.float32).mean(2)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    if np.ptp(small) < LEAST_CONTRAST:
        return None
    signs = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(signs.tobytes(), 'big')


class NearDuplicates:
    """Collector of the hashes of images in folders such as train and val."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[int, str]]] = defaultdict(list)

    def add(self, name: str, image_hash: int | None) -> None:
        """Add an image by its path below the folder of the splits."""
        split = SPLITS.get(name.split('/')[0].lower())
        if split is not None and image_hash is not None:
            self._found[split].append((image_hash, name))

    def lines(self) -> Iterator[str]:
        """Yield one line per pair of splits that share images."""
        for first, second in combinations(self._found, 2):
            pairs = list(_alike(self._found[first], self._found[second]))
            if pairs:
                one, other = pairs[0]
                yield (
                    f'{len(pairs):,} images of {second} look like images of '
                    f'{first}: likely duplicates, to be compared by eye '
                    f'(first: {other} and {one})'
                )


def _alike(
    first: list[tuple[int, str]], second: list[tuple[int, str]]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of names, at most one for each image of the second list."""
    # Hashes that differ in three bits have one of four parts in common.
    parts: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
    for image_hash, name in first:
        for key in _parts(image_hash):
            parts[key].append((image_hash, name))
    for image_hash, name in second:
        near = (
            other
            for key in _parts(image_hash)
            for known, other in parts[key]
            if (known ^ image_hash).bit_count() <= MOST_BITS
        )
        other = next(near, None)
        if other is not None:
            yield other, name


def _parts(image_hash: int) -> list[tuple[int, int]]:
    return [(k, image_hash >> (16 * k) & 0xFFFF) for k in range(4)]
