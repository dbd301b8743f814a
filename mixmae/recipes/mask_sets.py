"""Own images and masks: found, paired, counted, and split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from mixmae.datasets.labels.label_maps import read_label_map
from mixmae.datasets.labels.labelled_sizes import read_oriented_size
from mixmae.datasets.labels.mask_pairs import pair_masks
from mixmae.recipes.fine_tuning_settings import FineTuningOptions
from mixmae.recipes.labelled_split import (
    TEST_NAMES,
    TRAIN_NAMES,
    VAL_NAMES,
    hold_out,
    subfolder,
)
from mixmae.recipes.mask_classes import ColourMasks

IMAGE_NAMES = (
    'images', 'image', 'imgs', 'img', 'jpegimages', 'photos', 'rgb',
)  # fmt: skip
MASK_NAMES = (
    'masks', 'mask', 'labels', 'annotations', 'segmentationclass',
    'segmentation', 'label', 'gt', 'ground_truth', 'seg',
)  # fmt: skip
# Files with the names of classes, one per line.
NAME_FILES = ('classes.txt', 'labels.txt', 'class_names.txt')
# More masks are counted in an evenly spread sample.
MOST_MASKS = 2000
SPLITS = MappingProxyType({'train': TRAIN_NAMES, 'val': VAL_NAMES})

Pair = tuple[str, str]


@dataclass(frozen=True)
class MaskSets:
    """Images with masks, to train on and to validate on.

    Attributes:
        root: Folder that the paths are relative to.
        train: Pairs of an image and its mask.
        val: Likewise.
        pixels: Number of pixels of each value in the masks to train on.
        others: Likewise, in those to validate on.
        colours: Palette of the masks, if they have one.
        names: Names of the classes, from a file next to the data.
        notes: What was found and decided, a line each.
    """

    root: Path
    train: list[Pair]
    val: list[Pair]
    pixels: Counter[int]
    others: Counter[int]
    colours: list[list[int]] | None
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def read_mask_sets(
    data: str | os.PathLike, folder: Path, options: FineTuningOptions
) -> MaskSets:
    """Read images and masks, and split off a validation share if need be.

    Args:
        data: A folder with ``images/`` and ``masks/`` (or other usual names),
            with or without ``train/`` and ``val/`` in or around them.
        folder: Folder for colour masks, which are converted to one value per
            pixel.
        options: Those of the call.

    Raises:
        ValueError: The data cannot be used for training; the message has the
            reason.
    """
    root, folder = Path(data).resolve(), folder.resolve()
    places = _places(root)
    train, val = _pairs(places['train']), _pairs(places.get('val'))
    notes = [
        f'{split}: images in {place[0]}, masks in {place[1]}'
        for split, place in places.items()
    ]
    if options.val_data is not None:
        other = _places(Path(options.val_data).resolve())
        val = [pair for place in other.values() for pair in _pairs(place)]
        notes.append(f'val: {len(val)} images in {options.val_data}')
    kept, drawn, split_notes = hold_out(
        [image for image, _ in train],
        [image for image, _ in val],
        [0] * len(train),
        options.val_share,
        options.seed,
    )
    notes += split_notes
    if not val:
        train, val = [train[i] for i in kept], [train[i] for i in drawn]
    names = _names(root)
    colours = ColourMasks.of(root, [mask for _, mask in train])
    if colours is not None:
        train = colours.converted(train, folder / 'masks')
        val = colours.converted(val, folder / 'masks')
        palette = colours.palette
        shown = ', '.join(
            f'{tuple(one)} = {value}' for value, one in enumerate(palette[:4])
        )
        notes.append(
            f'masks of colours: written to {folder / "masks"} with one value '
            f'per colour ({shown}{", ..." if len(palette) > 4 else ""})'
        )
        names = names or colours.names
    common = Path(
        os.path.commonpath([p for pair in train + val for p in pair])
    )
    return MaskSets(
        common,
        _relative(train, common),
        _relative(val, common),
        _count(train),
        _count(val),
        _palette(train[0][1]) if colours is None else colours.palette,
        names,
        tuple(notes),
    )


def _places(root: Path) -> dict[str, tuple[Path, Path]]:
    """Return folders of images and masks of each split."""
    if not root.is_dir():
        raise ValueError(f'data: there is no folder {root}')
    direct = _image_and_masks(root)
    if direct is not None:
        places = {}
        for split, names in SPLITS.items():
            images, masks = (subfolder(one, names) for one in direct)
            if images is not None and masks is not None:
                places[split] = (images, masks)
        return places if 'train' in places else {'train': direct}
    places = {}
    for split, names in SPLITS.items():
        below = subfolder(root, names)
        inner = None if below is None else _image_and_masks(below)
        if inner is not None:
            places[split] = inner
    if 'train' not in places:
        folders = sorted(p.name for p in root.iterdir() if p.is_dir())
        raise ValueError(
            f'{root} has the folders {", ".join(folders) or "none"}; one must '
            f'hold images ({", ".join(IMAGE_NAMES[:3])}, ...) and one masks '
            f'of the same names ({", ".join(MASK_NAMES[:4])}, ...)'
        )
    return places


def _image_and_masks(folder: Path) -> tuple[Path, Path] | None:
    images = subfolder(folder, IMAGE_NAMES)
    masks = subfolder(folder, MASK_NAMES)
    return None if images is None or masks is None else (images, masks)


def _pairs(place: tuple[Path, Path] | None) -> list[Pair]:
    if place is None:
        return []
    images, masks = place
    found = pair_masks(images, masks)
    # Folders of tests may be next to those of the training.
    return [
        (str(images / image), str(masks / mask))
        for image, mask in found
        if image.split('/')[0].lower() not in TEST_NAMES
    ]


def _relative(pairs: Sequence[Pair], root: Path) -> list[Pair]:
    return [
        (os.path.relpath(image, root), os.path.relpath(mask, root))
        for image, mask in pairs
    ]


def _count(pairs: Sequence[Pair]) -> Counter[int]:
    """Count the values in masks, and compare sizes with the images."""
    pixels: Counter[int] = Counter()
    for image, mask in pairs[:: max(1, len(pairs) // MOST_MASKS)]:
        found = read_label_map(mask)
        if found.fault is not None:
            raise ValueError(f'{mask}: {found.fault}')
        oriented = read_oriented_size(image)
        if oriented is None:
            raise ValueError(f'{image} is not a readable image')
        size = oriented.upright
        if size != (found.width, found.height):
            raise ValueError(
                f'{mask} has {found.width} x {found.height} pixels, its '
                f'image {image} {size[0]} x {size[1]}; '
                f'both must have one size, as a viewer shows them'
            )
        pixels.update(dict(found.values))
    return pixels


def _palette(mask: str) -> list[list[int]] | None:
    """Return the colours of a palette image."""
    with Image.open(mask) as image:
        flat = image.getpalette() if image.mode == 'P' else None
    if not flat:
        return None
    return [flat[place : place + 3] for place in range(0, len(flat), 3)]


def _names(root: Path) -> tuple[str, ...] | None:
    for name in NAME_FILES:
        if (root / name).is_file():
            lines = (root / name).read_text('utf-8').splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    return None
