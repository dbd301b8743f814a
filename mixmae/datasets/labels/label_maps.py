"""Label maps: their values and sizes, compared with classes and images."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.image_file import opened_image
from mixmae.datasets.labels.label_fault import LabelFault, listed, named
from mixmae.datasets.labels.labelled_sizes import (
    LabelledSize,
    OrientedSize,
    size_faults,
)

BACKGROUND = ('background', 'back', 'bg', '_background_', '__background__')


@dataclass(frozen=True)
class LabelMapValues:
    """Meaning of the values in label maps.

    Attributes:
        num_classes: Number of classes; ``None`` if any value may be a class.
        reduce_zero_label: Whether 0 is ignored and classes count from 1.
        ignore_index: Value that is ignored.
        names: Names of the classes, or ``None``.
        label_map: mmseg's map from one list of classes to another.

    Raises:
        ValueError: ``num_classes`` or ``ignore_index`` is out of range.
    """

    num_classes: int | None = None
    reduce_zero_label: bool = False
    ignore_index: int = 255
    names: Sequence[str] | None = None
    label_map: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        if self.num_classes is not None and not 1 <= self.num_classes <= 256:
            raise ValueError(
                f'num_classes must be 1 to 256, got {self.num_classes}'
            )
        if type(self.ignore_index) is not int or not (
            0 <= self.ignore_index <= 255
        ):
            raise ValueError(
                'ignore_index must be a value of 8-bit label maps, 0 to 255, '
                f'got {self.ignore_index!r}'
            )

    def label(self, value: int) -> int:
        """Return the label that the loss receives for a value in the file."""
        if self.reduce_zero_label:
            # As in mmseg: 0 and 255 are ignored.
            value = 255 if value in (0, 255) else value - 1
        if self.label_map is not None:
            value = self.label_map.get(value, value)
        return value


@dataclass
class LabelMapTally:
    """Label maps of a split: their values, sizes and faults.

    Attributes:
        source: Source of the label maps, for messages.
        values: Meaning of their values.
        applied: Whether the loader applies the EXIF orientation of images.
        count: Number of label maps.
        pixels: Pixels of each value in the files.
    """

    source: str
    values: LabelMapValues
    applied: bool = True
    count: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    _faults: list[LabelFault] = field(default_factory=list)
    _sizes: list[LabelledSize] = field(default_factory=list)

    def add(
        self,
        path: str,
        found: LabelMapFile,
        image: str,
        oriented: OrientedSize | None,
    ) -> None:
        """Add a label map.

        Args:
            path, found: Path and content of the label map.
            image, oriented: Path and size of its image; ``None`` if unknown.
        """
        self.count += 1
        if found.fault is not None:
            text = f'{path}: {found.fault}'
            self._faults.append(LabelFault('bad label map', text))
            return
        self.pixels.update(dict(found.values))
        self._faults += _range_faults(path, found, self.values)
        if oriented is not None:
            size = (found.width, found.height)
            self._sizes.append(LabelledSize(image, oriented, size))

    def faults(self, is_complete: bool) -> list[LabelFault]:
        """Return the faults of single maps, then those of all together.

        ``is_complete`` says whether these are all label maps of the split.
        """
        return [
            *self._faults,
            *self._value_faults(is_complete),
            *size_faults(self.source, self._sizes, self.applied),
        ]

    def _value_faults(self, is_complete: bool) -> Iterator[LabelFault]:
        """Yield the faults that the values of all label maps show together."""
        values, pixels = self.values, self.pixels
        total = pixels.total()
        if not total:
            return
        labels: Counter[int] = Counter()
        for value, count in pixels.items():
            labels[values.label(value)] += count
        ignored = labels.pop(values.ignore_index, 0)
        limit = values.num_classes
        present = sorted(k for k in labels if limit is None or k < limit)
        missing = [k for k in range(limit or 0) if k not in labels]
        held = ', '.join(
            f'{value} ({100 * pixels[value] / total:.3g} % of the pixels)'
            for value in sorted(pixels)[:8]
        )
        if not present:
            yield LabelFault(
                'nothing to learn',
                f'{self.source}: {self.count} label maps contain only {held}, '
                f'all of them ignored or not a class; write the class numbers '
                f'from {int(values.reduce_zero_label)} on, and '
                f'{values.ignore_index} for ignored pixels',
                'error' if is_complete else 'warning',
            )
            return
        if len(present) == 1 and (limit is None or limit > 1):
            yield self._single_class(present[0], ignored, held)
        elif missing and is_complete:
            shown = listed([named(k, values.names) for k in missing])
            yield LabelFault(
                'class without objects',
                f'{self.source}: {len(missing)} of {limit} classes never '
                f'occur ({shown})',
                'note',
            )
        if values.reduce_zero_label and limit and pixels[0]:
            last_is_missing = is_complete and limit - 1 in missing
            yield from self._reduction_faults(limit, last_is_missing)

    def _single_class(
        self, present: int, ignored: int, held: str
    ) -> LabelFault:
        values = self.values
        others = [
            named(k, values.names)
            for k in range(values.num_classes or 0)
            if k != present
        ]
        never = (
            f'class {listed(others)} never occurs and is never learned'
            if others
            else 'there is only one class'
        )
        holds, mend = 'one class', 'write the number of each class'
        # Ignored by value, not by reduce_zero_label.
        if ignored and not values.reduce_zero_label:
            mend = (
                f'write another value than {values.ignore_index} for the '
                f'foreground (1), or set ignore_index to a value that does '
                f'not occur'
            )
            if present == 0 and len(self.pixels) == 2:
                holds = f'0 and the ignore value {values.ignore_index}'
        return LabelFault(
            'only one class',
            f'{self.source}: the masks contain only {holds}: {held}, in '
            f'{self.count} label maps; {never}: {mend}',
            'warning',
        )

    def _reduction_faults(
        self, limit: int, last_is_missing: bool
    ) -> Iterator[LabelFault]:
        """Yield signs that 0 is a class, although reduce_zero_label is set."""
        pixels, names = self.pixels, self.values.names
        share = f'{100 * pixels[0] / pixels.total():.3g} % of the pixels'
        start = f'{self.source}: reduce_zero_label=True ignores value 0'
        if names and names[0].casefold() in BACKGROUND:
            yield LabelFault(
                'reduce_zero_label',
                f'{start} ({share}) and makes value 1 class 0, which is '
                f'called {names[0]!r}; set reduce_zero_label=False, or remove '
                f'{names[0]!r} from the classes',
                'warning',
            )
        elif last_is_missing and pixels[limit - 1]:
            yield LabelFault(
                'reduce_zero_label',
                f'{start} ({share}), and value {limit}, class '
                f'{named(limit - 1, names)}, never occurs: the values look '
                f'like 0 to {limit - 1}; set reduce_zero_label=False if 0 is '
                f'a class',
                'warning',
            )


def _range_faults(
    path: str, found: LabelMapFile, values: LabelMapValues
) -> Iterator[LabelFault]:
    limit = values.num_classes
    if limit is None:
        return
    ill = [
        (value, count)
        for value, count in found.values
        if limit <= values.label(value) != values.ignore_index
    ]
    if ill:
        shown = listed([f'{value} in {count} pixels' for value, count in ill])
        hint = (
            '; if 0 means unlabelled, set reduce_zero_label=True'
            if ill[0][0] == limit and not values.reduce_zero_label
            else ''
        )
        yield LabelFault(
            'label out of range',
            f'{path}: has value {shown}; allowed are 0 to '
            f'{limit - (not values.reduce_zero_label)} and '
            f'{values.ignore_index}: correct the map or the number of '
            f'classes{hint}',
        )


class LabelMapFile(NamedTuple):
    """Content of a label map.

    Attributes:
        width, height: In pixels.
        mode: Pillow's mode: 'L', 'P' for a palette, 'RGB', ...
        values: Values in ascending order with their pixel counts; empty for a
            file that does not have one 8-bit value per pixel.
        fault: Why it is empty, and the remedy.
    """

    width: int = 0
    height: int = 0
    mode: str = ''
    values: tuple[tuple[int, int], ...] = ()
    fault: str | None = None


def read_label_map(path: str) -> LabelMapFile:
    """Count the values of a label map; other files get a fault."""
    try:
        with warnings.catch_warnings():
            # Of EXIF data, for example.
            warnings.simplefilter('ignore')
            return _read(path)
    except CorruptImageError as error:
        return LabelMapFile(fault=f'{error.reason}; replace it')


def _read(path: str) -> LabelMapFile:
    with opened_image(path) as image:
        # The indices of a palette are the labels; its colours do not matter.
        if image.mode not in ('L', 'P', '1'):
            fault = (
                f'mode {image.mode}, not one 8-bit value per pixel; save it '
                f'as a grey or a palette image'
            )
            return LabelMapFile(*image.size, image.mode, fault=fault)
        counts = np.bincount(np.asarray(image, np.uint8).ravel())
        values = np.flatnonzero(counts)
        pairs = tuple(zip(values.tolist(), counts[values].tolist()))
        return LabelMapFile(*image.size, image.mode, pairs)
