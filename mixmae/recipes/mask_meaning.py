"""Which mask values are classes, and whether 0 or 255 is ignored, by rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mixmae.datasets.labels.label_maps import BACKGROUND

IGNORED = 255
# More values than this are those of a lossy or smoothed mask.
MOST_CLASSES = 150
# Without names, more than this many values with gaps are no classes.
MOST_LEVELS = 12
# Colours of classes in pictures, as far as masks have no palette.
COLOURS = (
    (60, 60, 60), (230, 120, 40), (50, 130, 220), (70, 180, 90),
    (210, 60, 80), (150, 90, 200), (240, 200, 60), (80, 200, 200),
    (240, 140, 190), (140, 100, 60), (160, 200, 80), (100, 100, 240),
)  # fmt: skip


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
       are two at least, or as many as there are names; otherwise it is a
       class.
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
    classes = _default_names(values)
    if values == list(range(zero, zero + len(values))):
        rule = (
            'the values run from 1: class k has value k + 1, 0 is ignored '
            '(reduce_zero_label)'
            if zero
            else 'the values run from 0: class k has value k, 0 is a class '
            'of its own, background (reduce_zero_label ignores it)'
        )
        return MaskMeaning(classes, None, zero, note + rule)
    shown = ', '.join(f'{v} = {k}' for k, v in enumerate(values[:6]))
    more = ', ...' if len(values) > 6 else ''
    rule = f'values in ascending order, value = class: {shown}{more}'
    return MaskMeaning(classes, tuple(values), False, note + rule)


def palette_of(
    meaning: MaskMeaning, colours: Sequence[Sequence[int]] | None
) -> list[list[int]]:
    """Return a colour for each class: that of the masks' palette, or ours."""
    found = [
        list(colours[value]) if colours and value < len(colours) else None
        for value in meaning.values()
    ]
    distinct = {tuple(one) for one in found if one is not None}
    if None not in found and len(distinct) == len(found):
        return [one for one in found if one is not None]
    chosen = [[*colour] for colour in COLOURS]
    while len(chosen) < len(found):
        # Spread over the hues; deterministic.
        k = len(chosen)
        chosen.append([(67 * k) % 256, (151 * k) % 256, (211 * k) % 256])
    return chosen[: len(found)]


def _without_ignored(
    found: list[int], names: Sequence[str] | None
) -> list[int]:
    rest = [value for value in found if value != IGNORED]
    runs = bool(rest) and rest == list(range(rest[0], rest[0] + len(rest)))
    enough = len(rest) >= 2 or (names is not None and len(names) <= len(rest))
    if IGNORED in found and not (runs and rest[0] in (0, 1) and enough):
        return found
    return rest


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
        rule = 'as many names as values, both in their order: ' + ', '.join(
            f'{value} = {name}' for value, name in zip(values[:6], names)
        )
        return MaskMeaning(tuple(names), tuple(values), False, note + rule)
    raise ValueError(
        f'the masks have the values {_listed(found)}, and there are '
        f'{len(names)} classes ({", ".join(names[:5])}): give a name for '
        f'each value, or for the values from 0 or 1 on'
    )


def _default_names(values: Sequence[int]) -> tuple[str, ...]:
    if len(values) == 2 and values[0] == 0:
        return ('background', 'foreground')
    return tuple(
        'background' if value == 0 else f'class_{value}' for value in values
    )


def _listed(values: Sequence[int]) -> str:
    more = ', ...' if len(values) > 12 else ''
    return ', '.join(map(str, values[:12])) + more
