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
from mixmae.recipes.identical_files import copy_notes, find_copies

TRAIN_NAMES = ('train', 'training')
VAL_NAMES = ('val', 'valid', 'validation', 'dev')
TEST_NAMES = ('test', 'testing')


def subfolder(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the subfolder with the first of some names, in any case."""
    with os.scandir(folder) as entries:
        below = {e.name.lower(): e.name for e in entries if is_folder(e)}
    return next((folder / below[n] for n in names if n in below), None)


def split_off(
    groups: Sequence[Hashable],
    share: float,
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


def hold_out(
    train: Sequence[str],
    val: Sequence[str],
    groups: Sequence[Hashable],
    share: float,
    seed: int,
    labels: Sequence[Hashable] | None = None,
) -> tuple[list[int], list[int], list[str]]:
    """Split images off where there are none to validate on.

    Args:
        train: Paths of the images to train on.
        val: Paths of the images to validate on; if there are none, a share of
            the others is held out.
        groups: Group of each image to train on; see ``split_off``.
        share, seed: See ``split_off``.
        labels: Class of each image, those to train on first; None if an image
            has no class.

    Returns:
        Indices of the images that are still trained on, and of those held
        out; notes on this and on identical files, a line each.

    Raises:
        ValueError: See ``split_off``.
    """
    paths = [*train, *val]
    copies = find_copies(paths)
    kept, drawn = [*range(len(train))], list[int]()
    notes = []
    if not val:
        kept, drawn = split_off(groups, share, seed, copies)
        each = ' of each class, at least one of two or more' if labels else ''
        notes.append(
            f'there is no validation data: {len(drawn)} of {len(train)} '
            f'images, {100 * share:g} %{each}, are used for validation'
        )
    return kept, drawn, notes + copy_notes(copies, paths, kept, labels)
