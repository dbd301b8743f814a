"""Check of the label maps of a segmentation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from mixmae.datasets.labels.label_fault import LabelFault, condensed
from mixmae.datasets.labels.label_maps import (
    LabelMapTally,
    LabelMapValues,
    read_label_map,
)
from mixmae.datasets.labels.labelled_sizes import read_oriented_size
from mixmae.preflight.annotation_check import applies_orientation
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import (
    BuiltSet,
    built_sets,
    finding,
    sampled,
)

# Per split.
SECONDS = 3.0
MOST_MAPS = 500


class LabelMaps(Check):
    """Compares values and sizes of label maps with classes and images."""

    name = 'label maps'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read a sample of the label maps of each split."""
        faults: list[LabelFault] = []
        notes = []
        for built in built_sets(planned):
            dataset = built.dataset
            if not hasattr(dataset, 'reduce_zero_label') or not len(dataset):
                continue
            if dataset.get_data_info(0).get('seg_map_path') is None:
                continue
            tally = _tally(built, faults)
            faults += _setting_faults(built, planned, tally)
            is_complete = tally.count == len(dataset)
            faults += condensed(tally.faults(is_complete))
            notes.append(
                f'{built.split}: pixels of {tally.count:,} of '
                f'{len(dataset):,} label maps, values {_shares(tally.pixels)}'
            )
        if not notes:
            return None
        return finding('; '.join(notes), faults, notes)


def _tally(built: BuiltSet, faults: list[LabelFault]) -> LabelMapTally:
    """Read some label maps; those read as colours are added to ``faults``."""
    dataset, names = built.dataset, built.classes
    values = LabelMapValues(
        len(names) if names else None,
        dataset.reduce_zero_label,
        dataset.ignore_index,
        names,
        dataset.label_map,
    )
    tally = LabelMapTally(
        f'the {built.split} label maps', values, applies_orientation(dataset)
    )
    decoder = _map_loader(dataset)
    is_cv2 = getattr(decoder, 'imdecode_backend', '') == 'cv2'
    coloured = []
    for info in sampled(dataset, MOST_MAPS, SECONDS):
        path = info['seg_map_path']
        # Missing files are reported with the labels.
        if os.path.exists(path):
            found = read_label_map(path)
            oriented = read_oriented_size(info['img_path'])
            tally.add(path, found, info['img_path'], oriented)
            if is_cv2 and found.mode == 'P':
                text = (
                    f'{path} is a palette image, but '
                    "LoadAnnotations(imdecode_backend='cv2') reads its "
                    "colours as labels; set imdecode_backend='pillow'"
                )
                coloured.append(LabelFault('colours as labels', text))
    faults += condensed(coloured)
    return tally


def _shares(pixels: Counter[int]) -> str:
    """Format values and their shares of the pixels, most frequent first."""
    total = pixels.total()
    shown = [
        f'{value}: {100 * count / total:.2g} %'
        for value, count in pixels.most_common(12)
    ]
    more = f' and {len(pixels) - 12} more' if len(pixels) > 12 else ''
    return ', '.join(shown) + more


def _setting_faults(
    built: BuiltSet, planned: PlannedRun, tally: LabelMapTally
) -> Iterator[LabelFault]:
    """Yield faults of settings that data set, pipeline and head all have."""
    dataset = built.dataset
    zeros = dataset.reduce_zero_label and tally.pixels[0]
    occurs = tally.pixels[dataset.ignore_index] or zeros
    level: Literal['error', 'warning'] = 'error' if occurs else 'warning'
    decoder = _map_loader(dataset)
    stated = getattr(decoder, 'reduce_zero_label', None)
    if stated is not None and stated != dataset.reduce_zero_label:
        yield LabelFault(
            'reduce_zero_label',
            f'the {built.split} data has reduce_zero_label='
            f'{dataset.reduce_zero_label}, its LoadAnnotations {stated}; '
            f'set it only for the data set',
        )
    for name, part in planned.model.named_modules():
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
                level,
            )
    loop = getattr(planned.runner, f'{built.split}_loop', None)
    for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()):
        ignored = getattr(metric, 'ignore_index', dataset.ignore_index)
        if built.split != 'train' and ignored != dataset.ignore_index:
            yield LabelFault(
                'ignore_index',
                f'{built.split}_evaluator.ignore_index is {ignored}, that of '
                f'the {built.split} data is {dataset.ignore_index}; set the '
                'same for both',
                level,
            )


def _map_loader(dataset: Any) -> Any:
    for step in getattr(dataset.pipeline, 'transforms', ()):
        if type(step).__name__ == 'LoadAnnotations':
            return step
    return None
