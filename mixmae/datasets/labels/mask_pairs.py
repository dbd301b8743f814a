"""Pairs of images and label maps: by name, or by a list."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.labels.label_fault import listed
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.safe_path import regular_file

# Suffixes of label maps: formats that keep each value.
MASK_SUFFIXES = ('.png', '.tif', '.tiff', '.bmp', '.gif')
# The last word of a name, as in 1_mask and 1-labels.
LAST_WORD = re.compile(r'[_. -][^_./ -]*$')


def pair_masks(images: Path, masks: Path) -> list[tuple[str, str]]:
    """Pair each image with the mask of its name.

    ``a/1.jpg`` goes with ``a/1.png`` or, without that, with a mask of one
    more word such as ``a/1_mask.png``.

    Returns:
        Pairs of paths relative to the folders, sorted.

    Raises:
        AnnotationError: An image has no mask, or several.
    """
    found = list_folder(str(images), SUFFIXES).files
    by_stem = _by_stem(list_folder(str(masks), MASK_SUFFIXES).files)
    same = images.resolve() == masks.resolve()
    pairs, alone = [], []
    for image in found:
        mask = _mask_of(image, by_stem, str(masks))
        if mask is None:
            alone.append(image)
        elif not (same and mask == image):
            pairs.append((image, mask))
    if alone:
        raise AnnotationError(
            f'{len(alone)} of {len(found)} images in {images} have no mask in '
            f'{masks} ({listed(alone, 3)}); a mask has the name of its image '
            f'and ends in {", ".join(MASK_SUFFIXES)}. ' + _advice(masks)
        )
    if not pairs:
        raise AnnotationError(f'{images} contains no images')
    return pairs


def read_pairs(path: str | os.PathLike) -> list[tuple[str, str]]:
    """Read a list of pairs: image, tab, mask on each line.

    Raises:
        AnnotationError: The list cannot be read, or a line is not a pair.
    """
    try:
        with open(path, encoding='utf-8', opener=regular_file) as file:
            lines = file.read().splitlines()
    except (OSError, ValueError) as error:
        raise AnnotationError(f'{path}: {error}') from None
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = line.split('\t')
        if len(parts) != 2 or not all(part.strip() for part in parts):
            raise AnnotationError(
                f'{path}, line {number}: {line[:200]!r} must be an image and '
                f'its mask, separated by one tab'
            )
        pairs.append((parts[0], parts[1]))
    if not pairs:
        raise AnnotationError(f'{path} names no image')
    return pairs


def write_pairs(path: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Write a list for ``read_pairs``.

    Raises:
        ValueError: A name has a tab or a line break.
    """
    for name in (name for pair in pairs for name in pair):
        if '\t' in name or len(name.splitlines()) != 1:
            raise ValueError(
                f'{name!r} cannot be written to a list: rename the file'
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{a}\t{b}\n' for a, b in pairs), 'utf-8')


def _advice(masks: Path) -> str:
    left = list_folder(str(masks), MASK_SUFFIXES).left_out
    lossy = [one for one in ('.jpg', '.jpeg', '.webp') if one in left]
    if lossy:
        return (
            f'There are {lossy[0]} files: JPEG and WebP do not keep the '
            f'values of a mask; export them as PNG'
        )
    return 'Add the masks, or move these images elsewhere'


def _by_stem(names: Sequence[str]) -> dict[str, list[str]]:
    """Return masks by name without suffix, and without its last word."""
    stems = [os.path.splitext(name)[0] for name in names]
    found: dict[str, list[str]] = {}
    for stem, name in zip(stems, names):
        found.setdefault(stem, []).append(name)
    shorter: dict[str, list[str]] = {}
    for stem, name in zip(stems, names):
        short = LAST_WORD.sub('', stem)
        if short not in found:
            shorter.setdefault(short, []).append(name)
    return found | shorter


def _mask_of(
    image: str, by_stem: Mapping[str, list[str]], folder: str
) -> str | None:
    names = by_stem.get(os.path.splitext(image)[0], [])
    if len(names) > 1:
        raise AnnotationError(
            f'image {image} has several masks in {folder}: '
            f'{listed(names)}; keep one of them'
        )
    return names[0] if names else None
