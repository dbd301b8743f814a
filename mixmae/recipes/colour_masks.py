"""Conversion of masks whose colours are classes to palette images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.images.image_file import opened_image
from mixmae.fileio.atomic_write import atomic_write

# CVAT's file of names and colours: name:r,g,b:parts:actions
NAMES_AND_COLOURS = 'labelmap.txt'
# A mask of more colours was smoothed or saved as JPEG.
MOST_COLOURS = 60


@dataclass(frozen=True)
class ColourMasks:
    """Colours of masks in the order of the values that they become.

    Attributes:
        colours: Colour k becomes value k, as 24 bits.
        names: Names of the colours, if a file states them.
    """

    colours: tuple[int, ...]
    names: tuple[str, ...] | None

    @classmethod
    def of(cls, root: Path, masks: Sequence[str]) -> ColourMasks | None:
        """Read the colours of RGB masks; None if masks hold values already.

        Args:
            root: Folder that may have a ``labelmap.txt``.
            masks: Masks to read.

        Raises:
            ValueError: The masks have too many colours, or one that is not in
                ``labelmap.txt``.
        """
        if not _is_colour(masks[0]):
            return None
        found: set[int] = set()
        for mask in masks:
            found.update(np.unique(_colours(mask)).tolist())
            if len(found) > MOST_COLOURS:
                raise ValueError(
                    f'{mask}: the masks have more than {MOST_COLOURS} '
                    'colours: they were smoothed or saved as JPEG, or are not '
                    'masks; export them as PNG with one colour per class'
                )
        stated = _stated(root / NAMES_AND_COLOURS)
        if stated is None:
            grey = {_rgb(c) for c in found if len({*_rgb(c)}) == 1}
            if len(grey) == len(found):
                # Grey values saved as RGB keep their values.
                top = max(c & 255 for c in found)
                return cls(tuple(c * 0x10101 for c in range(top + 1)), None)
            return cls(tuple(sorted(found)), None)
        unknown = found - set(stated)
        if unknown:
            raise ValueError(
                f'{root / NAMES_AND_COLOURS} has no line for colour '
                f'{_rgb(min(unknown))} of the masks; add it'
            )
        return cls(tuple(stated), tuple(stated.values()))

    @property
    def palette(self) -> list[list[int]]:
        """Colours as red, green, blue."""
        return [[*_rgb(colour)] for colour in self.colours]

    def note(self, folder: Path) -> str:
        """Return a line on what is done."""
        shown = ', '.join(
            f'{_rgb(c)} = {k}' for k, c in enumerate(self.colours[:4])
        )
        return (
            f'masks of colours: written to {folder} with one value per '
            f'colour ({shown}{", ..." if len(self.colours) > 4 else ""})'
        )

    def converted(
        self, pairs: Sequence[tuple[str, str]], folder: Path
    ) -> list[tuple[str, str]]:
        """Write palette masks, and return the pairs with them."""
        if not pairs:
            return []
        root = os.path.commonpath([os.path.dirname(mask) for _, mask in pairs])
        parent = os.path.basename(root)
        order = np.argsort(self.colours)
        ranked = np.asarray(self.colours)[order]
        done = []
        for image, mask in pairs:
            name = os.path.splitext(os.path.relpath(mask, root))[0]
            target = folder / parent / f'{name}.png'
            colours = _colours(mask)
            place = np.searchsorted(ranked, colours).clip(max=len(ranked) - 1)
            if not np.array_equal(ranked[place], colours):
                wrong = int(colours[ranked[place] != colours].ravel()[0])
                raise ValueError(
                    f'{mask} has colour {_rgb(wrong)}, which no training mask '
                    f'has'
                )
            values = Image.fromarray(order[place].astype(np.uint8), 'P')
            values.putpalette([c for one in self.palette for c in one])
            with atomic_write(target) as partial:
                values.save(partial, format='PNG')
            done.append((image, str(target)))
        return done


def _is_colour(mask: str) -> bool:
    with opened_image(mask) as image:
        return image.mode in ('RGB', 'RGBA')


def _colours(mask: str) -> ndarray:
    """Return the colours of a mask, 24 bits each, (H, W)."""
    with opened_image(mask) as image:
        rgb = np.asarray(image.convert('RGB')).astype(np.int64)
    return (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]


def _rgb(colour: int) -> tuple[int, int, int]:
    return colour >> 16, colour >> 8 & 255, colour & 255


def _stated(path: Path) -> dict[int, str] | None:
    """Return names by colour, in the order of a CVAT file."""
    if not path.is_file():
        return None
    found: dict[int, str] = {}
    for number, line in enumerate(path.read_text('utf-8').splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        parts = line.split(':')
        try:
            red, green, blue = (int(value) for value in parts[1].split(','))
        except (IndexError, ValueError):
            raise ValueError(
                f'{path}, line {number}: {line[:80]!r} must be '
                f'name:red,green,blue'
            ) from None
        found[red << 16 | green << 8 | blue] = parts[0].strip()
    return found
