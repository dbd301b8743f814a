"""Label maps of a segmentation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.existing_files import ExistingFiles
from mixmae.datasets.labels.image_headers import (
    LabelledSize,
    read_header,
    size_faults,
)
from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.datasets.labels.label_map_file import read_label_map
from mixmae.datasets.labels.label_maps import ValueMeaning, value_faults
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import (
    BuiltSet,
    built_sets,
    finding,
    uses_labels,
)
from mixmae.preflight.head_classes import model_of
from mixmae.preflight.image_orientation import applies_orientation

# Per split.
SECONDS = 3.0
MOST_MAPS = 500


class LabelMaps(Check):
    """Values and sizes of label maps, against classes and images."""

    name = 'label maps'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read a sample of the label maps of each split."""
        assert planned.runner is not None
        if not uses_labels(planned):
            return None
        faults: list[LabelFault] = []
        notes = []
        for built in built_sets(planned.runner):
            dataset = built.dataset
            if not hasattr(dataset, 'reduce_zero_label') or not len(dataset):
                continue
            if dataset.get_data_info(0).get('seg_map_path') is None:
                continue
            sample = _Sample(built)
            faults += sample.faults()
            faults += _setting_faults(built, planned.runner)
            notes.append(
                f'{built.split}: pixels of {sample.read:,} of '
                f'{len(dataset):,} label maps, values '
                f'{_shares(sample.pixels)}'
            )
        if not notes:
            return None
        return finding('; '.join(notes), faults, notes)


class _Sample:
    """Some label maps of a data set, evenly spread.

    Attributes:
        pixels: Pixels of each value in the files.
        read: Number of label maps.
    """

    def __init__(self, built: BuiltSet) -> None:
        self.built = built
        self.pixels: Counter[int] = Counter()
        self.read = 0
        self.ill: list[tuple[str, str]] = []
        self.out_of_range: list[tuple[str, int, int]] = []
        self.sizes: list[LabelledSize] = []
        self.missing = list(_missing(built.dataset))
        dataset = built.dataset
        names = built.classes
        self.meaning = ValueMeaning(
            len(names) if names else None,
            dataset.reduce_zero_label,
            dataset.ignore_index,
            names,
            dataset.label_map,
        )
        self.as_colours = 0
        decoder = _loader(dataset, 'LoadAnnotations')
        self.is_cv2 = getattr(decoder, 'imdecode_backend', '') == 'cv2'
        end = time.monotonic() + SECONDS
        count = min(len(dataset), MOST_MAPS)
        for start in range(4):
            for place in range(start, count, 4):
                if time.monotonic() > end:
                    return
                self._look(
                    dataset.get_data_info(place * len(dataset) // count)
                )

    def faults(self) -> Iterator[LabelFault]:
        """Faults of the label maps."""
        source = f'the {self.built.split} label maps'
        if self.missing:
            yield LabelFault(
                'missing label map',
                f'{source}: {len(self.missing)} of {len(self.built.dataset)} '
                f'are missing (first: {self.missing[0]}); put them there, or '
                f'remove their images',
            )
        if self.ill:
            path, fault = self.ill[0]
            yield LabelFault(
                'bad label map',
                f'{source}: {len(self.ill)} of {self.read} cannot be used '
                f'(first: {path}: {fault})',
            )
        if self.as_colours:
            yield LabelFault(
                'bad label map',
                f'{source}: {self.as_colours} of {self.read} are palette '
                f"images, and LoadAnnotations(imdecode_backend='cv2') reads "
                f"their colours as labels; set imdecode_backend='pillow'",
            )
        limit = self.meaning.num_classes
        if self.out_of_range:
            path, value, pixels = self.out_of_range[0]
            hint = (
                '; if 0 means unlabelled, set reduce_zero_label=True'
                if value == limit and not self.meaning.reduce_zero_label
                else ''
            )
            yield LabelFault(
                'label out of range',
                f'{source}: {len(self.out_of_range)} of {self.read} have '
                f'values beyond the {limit} classes (first: {path} has '
                f'{value} in {pixels} pixels); correct the maps or the '
                f'number of classes{hint}',
            )
        yield from value_faults(
            source,
            self.pixels,
            self.meaning,
            self.read,
            self.read == len(self.built.dataset),
        )
        applied = applies_orientation(self.built.dataset)
        yield from size_faults(source, self.sizes, applied)

    def _look(self, info: dict[str, Any]) -> None:
        path = info['seg_map_path']
        if path in self.missing:
            return
        self.read += 1
        try:
            found = read_label_map(path)
        except CorruptImageError as error:
            self.ill.append((path, f'{error.cause} {error.detail}'.strip()))
            return
        if found.fault is not None:
            self.ill.append((path, found.fault))
            return
        self.as_colours += self.is_cv2 and found.mode == 'P'
        self.pixels.update(dict(found.values))
        limit = self.meaning.num_classes
        for value, count in found.values:
            label = self.meaning.label(value)
            ignored = label == self.meaning.ignore_index
            if limit is not None and label >= limit and not ignored:
                self.out_of_range.append((path, value, count))
                break
        header = read_header(info['img_path'])
        if header is not None:
            size = (found.width, found.height)
            self.sizes.append(LabelledSize(info['img_path'], header, size))


def _shares(pixels: Counter[int]) -> str:
    """Values and their shares of the pixels, the most frequent first."""
    total = pixels.total()
    shown = [
        f'{value}: {100 * count / total:.2g} %'
        for value, count in pixels.most_common(12)
    ]
    more = f' and {len(pixels) - 12} more' if len(pixels) > 12 else ''
    return ', '.join(shown) + more


def _missing(dataset: Any) -> Iterator[str]:
    existing = ExistingFiles()
    for index in range(min(len(dataset), 20_000)):
        path = dataset.get_data_info(index)['seg_map_path']
        if path not in existing:
            yield path


def _setting_faults(built: BuiltSet, runner: Any) -> Iterator[LabelFault]:
    """Settings that data set, pipeline and head state each for itself."""
    dataset = built.dataset
    decoder = _loader(dataset, 'LoadAnnotations')
    stated = getattr(decoder, 'reduce_zero_label', None)
    if stated is not None and stated != dataset.reduce_zero_label:
        yield LabelFault(
            'reduce_zero_label',
            f'the {built.split} data has reduce_zero_label='
            f'{dataset.reduce_zero_label}, its LoadAnnotations {stated}; '
            f'set it for the data set alone',
        )
    for name, part in model_of(runner).named_modules():
        ignored = getattr(part, 'ignore_index', None)
        if (
            name.endswith('_head')
            and isinstance(ignored, int)
            and ignored != dataset.ignore_index
        ):
            yield LabelFault(
                'ignore_index',
                f'model.{name}.ignore_index is {ignored}, that of the '
                f'{built.split} data is {dataset.ignore_index}; set the '
                f'same for both',
                'warning',
            )


def _loader(dataset: Any, kind: str) -> Any:
    for step in getattr(dataset.pipeline, 'transforms', ()):
        if type(step).__name__ == kind:
            return step
    return None
