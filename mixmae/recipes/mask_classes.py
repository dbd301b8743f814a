"""Values and colours of masks: which are classes, and which are ignored."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.datasets.images.image_file import opened_image
from mixmae.datasets.labels.label_maps import BACKGROUND
from mixmae.fileio.atomic_write import atomic_write

IGNORED = 255
# More values than this are those of a lossy or smoothed mask.
MOST_CLASSES = 150
# Without names, more than this many values with gaps are no classes.
MOST_LEVELS = 12
# CVAT's file of names and colours: name:r,g,b:parts:actions
NAMES_AND_COLOURS = 'labelmap.txt'
# A mask of more colours was smoothed or saved as JPEG.
MOST_COLOURS = 60


@dataclass(frozen=True)
class MaskMeaning:
    """Meaning of the values in masks.

    Attributes:
        classes: Names of the classes.
        label_values: Value of each class, or None if class k has value k, or
            k + 1 with ``reduce_zero_label``.
        reduce_zero_label: Whether 0 is ignored and class k has value k + 1.
        rule: The rule that was applied, as a sentence.
    """

    classes: tuple[str, ...]
    label_values: tuple[int, ...] | None
    reduce_zero_label: bool
    rule: str

    def values(self) -> tuple[int, ...]:
        """Return the value of each class in the files."""
        if self.label_values is not None:
            return self.label_values
        return tuple(
            label + self.reduce_zero_label
            for label in range(len(self.classes))
        )


def mask_meaning(
    pixels: Counter[int],
    names: Sequence[str] | None = None,
    ignore_zero: bool | None = None,
) -> MaskMeaning:
    """Recognise the meaning of values.

    1. 255 is ignored if the other values run from 0 or 1 without a gap and
       are two at least, or as many as there are names; with names, also if
       each of the others has one. Otherwise it is a class.
    2. Values that run from 1 without a 0: class k has value k + 1
       (``reduce_zero_label``). Also if there is one name less than values
       from 0 on, or as many names as values from 1 on: 0 is ignored.
    3. Other values, such as 0 and 255, or 0, 64, 128, are classes in
       ascending order.

    Args:
        pixels: Number of pixels of each value in all masks.
        names: Names of the classes, if they are known.
        ignore_zero: Whether 0 is ignored; None = rule 2.

    Raises:
        ValueError: The values cannot be classes, or do not match the names.
    """
    found = sorted(value for value, count in pixels.items() if count)
    if len(found) > MOST_CLASSES:
        raise ValueError(
            f'the masks have {len(found)} different values '
            f'({_listed(found)}): they were smoothed or saved as JPEG, or are '
            'not masks; export them as PNG with one value per class'
        )
    values = _without_ignored(found, names)
    if IGNORED in values and len(values) > MOST_LEVELS and not names:
        raise ValueError(
            f'the masks have {len(values)} values between 0 and 255 '
            f'({_listed(found)}): probably black and white masks that were '
            f'smoothed or saved as JPEG; write only 0 and 255, as PNG, or '
            f'name the classes'
        )
    note = '' if len(values) == len(found) else '255 is ignored; '
    zero = _zero_is_ignored(values, names, ignore_zero)
    if zero and values[0] == 0:
        values = values[1:]
    if not values:
        raise ValueError(f'the masks have no class: their values are {found}')
    if names is not None:
        return _named(found, values, [*names], zero, note)
    classes: tuple[str, ...] = ('background', 'foreground')
    if len(values) != 2 or values[0]:
        classes = tuple(f'class_{v}' if v else 'background' for v in values)
    if values == list(range(zero, zero + len(values))):
        rule = (
            'the values run from 1: class k has value k + 1, 0 is ignored '
            '(reduce_zero_label)'
            if zero
            else 'the values run from 0: class k has value k, 0 is a class '
            'of its own, background (reduce_zero_label ignores it)'
        )
        return MaskMeaning(classes, None, zero, note + rule)
    shown = _listed([f'{v} = {k}' for k, v in enumerate(values)])
    rule = f'values in ascending order, value = class: {shown}'
    return MaskMeaning(classes, tuple(values), False, note + rule)


def _without_ignored(
    found: list[int], names: Sequence[str] | None
) -> list[int]:
    rest = [value for value in found if value != IGNORED]
    ignored = rest[:1] in ([0], [1]) and rest[-1] - rest[0] == len(rest) - 1
    if len(rest) < 2:
        ignored &= names is not None and len(names) <= len(rest)
    elif names:
        # Gaps are classes that do not occur if each value has its name.
        first = names[0].casefold() not in BACKGROUND
        ignored |= rest[-1] < len(names) + first <= IGNORED
    return rest if ignored else found


def _zero_is_ignored(
    values: list[int], names: Sequence[str] | None, given: bool | None
) -> bool:
    if given is not None or not values:
        return bool(given)
    if values[0] == 1 and values == list(range(1, 1 + len(values))):
        # With names, unless 0 is a class that does not occur.
        first = names[0].casefold() if names else ''
        return first not in BACKGROUND
    return (
        names is not None
        and values[0] == 0
        and len(names) == values[-1]
        and names[0].casefold() not in BACKGROUND
    )


def _named(
    found: list[int],
    values: list[int],
    names: list[str],
    zero: bool,
    note: str,
) -> MaskMeaning:
    top = len(names) - 1 + zero
    if values[-1] <= top:
        value = 'k + 1, 0 is ignored (reduce_zero_label)' if zero else 'k'
        rule = (
            f'{len(names)} names and values up to {values[-1]}: class k has '
            f'value {value}'
        )
        return MaskMeaning(tuple(names), None, zero, note + rule)
    if len(values) == len(names):
        rule = 'as many names as values, both in their order: ' + _listed(
            [f'{value} = {name}' for value, name in zip(values, names)]
        )
        return MaskMeaning(tuple(names), tuple(values), False, note + rule)
    raise ValueError(
        f'the masks have the values {_listed(found)}, and there are '
        f'{len(names)} classes ({", ".join(names[:5])}): give a name for '
        f'each value, or for the values from 0 or 1 on'
    )


def _listed(items: Sequence[object]) -> str:
    shown = [str(item) for item in items]
    if len(shown) > 13:
        shown[12:-1] = ['...']
    return ', '.join(shown)


@dataclass(frozen=True)
class ColourMasks:
    """Colours that are classes, in the order of the values that they become.

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

        Raises:
            ValueError: The masks have too many colours, or one that is not in
                ``labelmap.txt``.
        """
        with opened_image(masks[0]) as image:
            if image.mode not in ('RGB', 'RGBA'):
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

    def converted(
        self, pairs: Sequence[tuple[str, str]], folder: Path
    ) -> list[tuple[str, str]]:
        """Write palette masks, and return the pairs with them."""
        if not pairs:
            return []
        root = os.path.commonpath([os.path.dirname(mask) for _, mask in pairs])
        order = np.argsort(self.colours)
        ranked = np.asarray(self.colours)[order]
        done = []
        for image, mask in pairs:
            name = os.path.splitext(os.path.relpath(mask, root))[0]
            target = folder / os.path.basename(root) / f'{name}.png'
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
