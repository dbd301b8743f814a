"""Checks of COCO annotations, and of sizes and orientation of their images."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from mixmae.datasets.labels.class_names import ClassList
from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.datasets.labels.coco_file_faults import (
    chosen_class_faults,
    coco_file_faults,
    file_classes,
    file_order_faults,
    images_without_objects,
)
from mixmae.datasets.labels.label_fault import LabelFault, condensed
from mixmae.datasets.labels.labelled_sizes import (
    UPRIGHT,
    LabelledSize,
    read_oriented_size,
    size_faults,
)
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.class_count_check import evaluators
from mixmae.preflight.class_name_check import stated_names
from mixmae.preflight.data_sets import (
    ConfiguredSet,
    built_sets,
    configured_sets,
    finding,
    sampled,
)

# JSON of 100 MB is read in about two seconds. Larger files are left to
# `mixmae check-data`.
MOST_BYTES = 100_000_000
# Per split.
SECONDS = 2.0
MOST_IMAGES = 2000


class Annotations(Check):
    """Checks annotation files: fields, ids, boxes, masks, order of categories.

    ``coco_entry_faults`` finds the faults of single entries.
    """

    name = 'annotations'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read the files of mmdet's ``CocoDataset`` that the run reads."""
        compared: list[str] = []
        faults: list[LabelFault] = []
        orders: list[ClassList] = []
        for one in configured_sets(planned):
            path = one.ann_file if is_coco(one) else None
            if path is None or not path.is_file() or not one.is_read:
                continue
            size = path.stat().st_size
            if size > MOST_BYTES:
                compared.append(f'{path} not read: {size / 1e6:.0f} MB')
                continue
            try:
                content = read_coco(path)
            except ValueError as error:
                faults.append(
                    LabelFault('invalid annotation file', str(error))
                )
                continue
            compared.append(
                f'{path}: {len(content["annotations"]):,} objects in '
                f'{len(content["images"]):,} images, '
                f'{images_without_objects(content):,} without one'
            )
            faults += _file_faults(planned, one, path, content)
            orders.append(file_classes(str(path), content))
        faults += file_order_faults(orders)
        faults += _evaluator_faults(planned)
        if not compared and not faults:
            return None
        return finding('; '.join(compared), list(dict.fromkeys(faults)))


def is_coco(one: ConfiguredSet) -> bool:
    """Return True if a data set is mmdet's ``CocoDataset`` or ours."""
    return one.reader in ('CocoDataset', 'CheckedCocoDataset')


def _file_faults(
    planned: PlannedRun, one: ConfiguredSet, path: Path, content: dict
) -> Iterator[LabelFault]:
    measured = one.key.startswith(('val_dataloader', 'test_dataloader'))
    masks = measured and any(
        'segm' in _metrics(part)
        for _, part in evaluators(planned.config, planned.mode)
    )
    masks = masks or (not measured and _loads_masks(one))
    yield from (
        fault
        for fault in coco_file_faults(str(path), content, masks, measured)
        # The labels of the built data set are counted.
        if fault.level != 'note'
    )
    yield from condensed(coco_entry_faults(path, content))
    names = stated_names(one)
    if isinstance(names, (list, tuple)):
        chosen = ClassList(one.metainfo_key, tuple(names))
        file = file_classes(str(path), content)
        yield from chosen_class_faults(file, chosen)
        unused = [name for name in file.names if name not in set(names)]
        if unused:
            ids = {
                repr(entry.get('id'))
                for entry in content['categories']
                if entry.get('name') in unused
            }
            left = sum(
                repr(entry.get('category_id')) in ids
                for entry in content['annotations']
            )
            yield LabelFault(
                'ignored objects',
                f'{path}: {left:,} of {len(content["annotations"]):,} objects '
                f'are ignored: their {len(unused)} categories are not in '
                f'{one.metainfo_key}',
                'note',
            )


def _evaluator_faults(planned: PlannedRun) -> Iterator[LabelFault]:
    """Yield faults of metrics that read another file or more images."""
    split = 'val' if planned.mode == 'train' else 'test'
    sets = [
        one
        for one in configured_sets(planned)
        if one.key.startswith(f'{split}_dataloader') and is_coco(one)
    ]
    if len(sets) != 1:
        return
    (one,) = sets
    path = one.ann_file
    for key, part in evaluators(planned.config, planned.mode):
        stated = part.get('ann_file')
        if not isinstance(stated, str) or path is None:
            continue
        if os.path.realpath(stated) != os.path.realpath(path):
            if _differ(Path(stated), path):
                yield LabelFault(
                    'file of the metric',
                    f'{key}.ann_file={stated} and the ann_file of {one.key}, '
                    f'{path}, are different files: predictions would be '
                    'evaluated on labels of other images; set the same file',
                )
        elif one.config.get('indices') is not None:
            yield LabelFault(
                'file of the metric',
                f'{one.key}.indices={one.config["indices"]} selects a part of '
                f'the images, but {key}.ann_file={stated} contains all of '
                'them: AP counts the objects of the others as missed',
                'warning',
            )


def _differ(one: Path, other: Path) -> bool:
    """Return True if two files differ; a missing one its reader reports."""
    both = one.is_file() and other.is_file()
    return both and not filecmp.cmp(one, other, shallow=False)


def _metrics(part: Mapping) -> list[Any]:
    metric = part.get('metric') or []
    return [metric] if isinstance(metric, str) else list(metric)


def _loads_masks(one: ConfiguredSet) -> bool:
    return any(
        isinstance(step, Mapping) and bool(step.get('with_mask'))
        for step in one.config.get('pipeline') or ()
        if str(step.get('type')).endswith('LoadAnnotations')
    )


class ImageOrientation(Check):
    """Compares size and orientation of image files with annotations."""

    name = 'rotated photos'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Read the headers of a sample of the images of each split."""
        faults: list[LabelFault] = []
        compared = []
        for built in built_sets(planned):
            sizes = list(_sizes(built.dataset))
            if not sizes:
                continue
            turned = sum(one.oriented.orientation != UPRIGHT for one in sizes)
            compared.append(
                f'{built.split}: sizes of {len(sizes):,} of '
                f'{len(built.dataset):,} images, {turned:,} rotated by EXIF'
            )
            applied = applies_orientation(built.dataset)
            found = size_faults(f'the {built.split} data', sizes, applied)
            faults += condensed(found)
        return finding('; '.join(compared), faults) if compared else None


def applies_orientation(dataset: Any) -> bool:
    """Return True if a data set's pipeline applies the EXIF orientation."""
    for step in getattr(dataset.pipeline, 'transforms', ()):
        flag = getattr(step, 'color_type', None)
        if isinstance(flag, str):
            return 'unchanged' not in flag and 'ignore' not in flag
    return True


def _sizes(dataset: BaseDataset) -> Iterator[LabelledSize]:
    for info in sampled(dataset, MOST_IMAGES, SECONDS):
        if not {'width', 'height', 'img_path', 'instances'} <= set(info):
            return
        oriented = read_oriented_size(info['img_path'])
        if oriented is not None:
            size = (info['width'], info['height'])
            yield LabelledSize(info['img_path'], oriented, size)
