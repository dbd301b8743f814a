"""Check of label frequencies and of skipped images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mixmae.datasets.image_set import ImageSet
from mixmae.datasets.labels.coco_entry_faults import read_coco
from mixmae.datasets.labels.coco_file_faults import images_without_objects
from mixmae.datasets.labels.label_fault import (
    LabelFault,
    count_faults,
    frequencies,
)
from mixmae.datasets.listed_paths import ExistingFiles
from mixmae.preflight.annotation_check import MOST_BYTES
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.class_count_check import head_classes
from mixmae.preflight.data_sets import (
    BuiltSet,
    built_sets,
    finding,
    sampled,
)

# Per split; entries of a large set are a sample.
SECONDS = 3.0
MOST_ENTRIES = 200_000
MOST_FILES = 20_000
FILES = {'img_path': 'image', 'seg_map_path': 'label map'}


class LabelCounts(Check):
    """Checks the range of labels and reports classes that never occur."""

    name = 'labels'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Count the labels of each split, of a sample if it is large."""
        heads = dict(head_classes(planned.model)).values()
        faults: list[LabelFault] = []
        notes = []
        for built in built_sets(planned):
            notes.append(kept_line(built))
            faults += missing_files(built)
            counts, read, unit = label_counts(built.dataset)
            if getattr(built.dataset, 'with_label', True) is False:
                text = (
                    f'the {built.split} data are read without labels; set '
                    f'{built.split}_dataloader.dataset.with_label=True'
                )
                faults.append(LabelFault('no labels', text))
            if not counts:
                continue
            listed = isinstance(built.classes, (list, tuple))
            names = built.classes if listed else None
            limit = len(names) if names else max(heads, default=None)
            total = len(built.dataset)
            notes.append(
                f'{built.split} labels'
                + ('' if read == total else f' of {read:,} images')
                + f': {frequencies(counts, names)}'
            )
            if limit is not None:
                faults += count_faults(
                    f'the {built.split} data',
                    counts,
                    limit,
                    names,
                    read == total,
                    unit,
                )
        if not notes:
            return None
        return finding('; '.join(notes), faults, notes)


def label_counts(dataset: BaseDataset) -> tuple[Counter[int], int, str]:
    """Count the labels of a data set of mmpretrain or mmdet.

    Returns:
        How often each label occurs, the number of entries that were read,
        evenly spread, and the unit that was counted.
    """
    counts: Counter[int] = Counter()
    unit, read = 'images', 0
    for info in sampled(dataset, MOST_ENTRIES, SECONDS):
        if 'instances' in info:
            unit = 'objects'
            found = [one.get('bbox_label') for one in info['instances']]
            counts.update(label for label in found if label is not None)
        elif 'gt_label' in info:
            labels = np.ravel(info['gt_label'])
            counts.update(labels.astype(int).tolist())
        else:
            break
        read += 1
    return counts, read, unit


def kept_line(built: BuiltSet) -> str:
    """Return the number of images, and of skipped ones in an annotation file.

    ``FolderListings`` counts what is left out of folders.
    """
    dataset = built.dataset
    kept, (found, why) = len(dataset), _of_annotations(dataset)
    if found in (None, kept):
        return f'{built.split}: {kept:,} images'
    if getattr(dataset, '_indices', None) is not None:
        why = ', '.join(filter(None, [why, 'indices']))
    return f'{built.split}: kept {kept:,} of {found:,} images: {why}'


def missing_files(built: BuiltSet) -> Iterator[LabelFault]:
    """Yield faults of missing images and label maps."""
    dataset = built.dataset
    # Images in tars are not separate files.
    if isinstance(dataset, ImageSet):
        return
    existing = ExistingFiles()
    missing: dict[str, list[str]] = {}
    read, is_counted = 0, False
    for info in sampled(dataset, MOST_FILES, SECONDS):
        read += 1
        is_counted = 'instances' in info
        for key, what in FILES.items():
            path = info.get(key)
            if path and '://' not in path and path not in existing:
                missing.setdefault(what, []).append(path)
    for what, paths in missing.items():
        yield LabelFault(
            f'missing {what}',
            f'the {built.split} data: {len(paths)} of {read:,} {what}s are '
            f'missing (first: {paths[0]}); add the files, or remove them from '
            'the list',
            # Another image takes the place of a few, but not of label maps or
            # of images whose objects are measured.
            'error'
            if is_counted or what == 'label map' or 2 * len(paths) > read
            else 'warning',
        )


def _of_annotations(dataset: Any) -> tuple[int | None, str]:
    """Return the images of an annotation file, and why mmdet skips some."""
    if not hasattr(dataset, 'cat2label'):
        return None, ''
    try:
        if os.path.getsize(dataset.ann_file) > MOST_BYTES:
            return None, ''
        content = read_coco(dataset.ann_file)
    except (OSError, ValueError):
        return None, ''
    rules = getattr(dataset, 'filter_cfg', None) or {}
    why = []
    if rules.get('filter_empty_gt') and not dataset.test_mode:
        bare = images_without_objects(content, dataset.metainfo['classes'])
        if bare:
            why.append(f'{bare:,} without an object of the classes')
    least = rules.get('min_size', 0)
    if not dataset.test_mode and least:
        small = sum(
            min(image['width'], image['height']) < least
            for image in content['images']
        )
        if small:
            why.append(f'{small:,} with a side under {least} pixels')
    return len(content['images']), ', '.join(why)
