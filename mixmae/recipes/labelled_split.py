"""Splits of labelled data: names of their folders, and a validation share.

A pretraining splits its images by ``ImageSources.split``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from mixmae.fileio.image_listing import is_folder

TRAIN_NAMES = ('train', 'training')
VAL_NAMES = ('val', 'valid', 'validation', 'dev')
TEST_NAMES = ('test', 'testing')
# Of the images, as is usual where nothing else is known.
SHARE = 0.2


def subfolder(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the subfolder with the first of some names, in any case."""
    with os.scandir(folder) as entries:
        below = {e.name.lower(): e.name for e in entries if is_folder(e)}
    return next((folder / below[n] for n in names if n in below), None)


def split_off(
    groups: Sequence[Hashable],
    share: float = SHARE,
    seed: int = 0,
    copies: Mapping[int, int] = MappingProxyType({}),
) -> tuple[list[int], list[int]]:
    """Draw a share of every group, at least one of each that has two.

    Args:
        groups: Group of each item, such as its class.
        share: Share of the items to draw, between 0 and 1.
        seed: The same seed draws the same items.
        copies: Index of each item that repeats another, and of that one; both
            stay or are drawn. See ``find_copies``.

    Returns:
        Indices of the items that stay, and of those drawn, in order.

    Raises:
        ValueError: ``share`` is out of range, or no item can be drawn.
    """
    if not 0 < share < 1:
        raise ValueError(
            f'the validation share must be between 0 and 1, got {share}'
        )
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        if index not in copies:
            members.setdefault(group, []).append(index)
    drawn: set[int] = set()
    generator = random.Random(seed)
    for indices in members.values():
        if len(indices) > 1:
            count = min(max(1, round(share * len(indices))), len(indices) - 1)
            drawn.update(generator.sample(indices, count))
    if not drawn:
        raise ValueError(
            f'{len(groups) - len(copies)} different labelled images are too '
            f'few to set some aside for validation; name validation data '
            f'(val_data), or add images'
        )
    drawn.update(copy for copy, first in copies.items() if first in drawn)
    kept = [index for index in range(len(groups)) if index not in drawn]
    return kept, sorted(drawn)
