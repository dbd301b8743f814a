"""Faults of a COCO file as a whole: units, missing fields, masks, categories.

``coco_entry_faults`` checks single entries.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mixmae.datasets.labels.class_names import ClassList, order_faults
from mixmae.datasets.labels.coco_boxes import (
    is_empty_mask,
    is_numbers,
    key_of,
    unit_faults,
)
from mixmae.datasets.labels.instance_faults import invalid_polygons
from mixmae.datasets.labels.label_fault import LabelFault, Level, listed

# Fraction of all objects above which repetitions are reported.
TWICE = 0.05


def coco_file_faults(
    path: str,
    content: dict,
    masks_needed: bool | None = None,
    evaluated: bool | None = None,
) -> list[LabelFault]:
    """Return the faults of an annotation file as a whole.

    Args:
        path, content: Argument and result of ``read_coco``.
        masks_needed: Whether every object needs a mask; with ``None`` all or
            none must have one.
        evaluated: Whether pycocotools evaluates predictions against the file;
            ``None`` if unknown.
    """
    faults = [
        *unit_faults(content),
        *_field_faults(content, evaluated),
        *_mask_faults(content, masks_needed),
        *_category_faults(content),
        *_left_out(content),
    ]
    return [one._replace(text=f'{path}: {one.text}') for one in faults]


def file_classes(path: str, content: dict) -> ClassList:
    """Return category names in the order of the file, as in mmdet."""
    names = [str(entry.get('name')) for entry in content['categories']]
    return ClassList(path, names)


def file_order_faults(files: Sequence[ClassList]) -> list[LabelFault]:
    """Compare the categories of the files of a dataset with the first."""
    mend = (
        'mmdet numbers the labels along the categories of each file: write '
        'the same ones in the same order'
    )
    return [
        fault
        for other in files[1:]
        for fault in order_faults(files[0], other, mend)
    ]


def chosen_class_faults(
    file: ClassList, chosen: ClassList
) -> list[LabelFault]:
    """Compare the classes chosen by a config with a file's categories."""
    missing = [name for name in chosen.names if name not in set(file.names)]
    if missing:
        text = (
            f'{chosen.source}: {file.source} lacks {listed(missing)} and has '
            f'{len(file.names)} categories ({listed(file.names)}); mmdet '
            f'would number the others on without them: name categories of '
            f'the file'
        )
        return [LabelFault('classes differ', text)]
    mend = (
        'mmdet numbers the labels in the order of the file, whatever the '
        'order of the classes: state them in that order'
    )
    return order_faults(file, chosen, mend, by_name=True)


def images_without_objects(content: dict, classes: Any = None) -> int:
    """Count images without an object of the classes; None means all."""
    chosen = {
        key_of(entry, 'id')
        for entry in content['categories']
        if classes is None or entry.get('name') in classes
    }
    filled = {
        key_of(entry, 'image_id')
        for entry in content['annotations']
        if key_of(entry, 'category_id') in chosen
    }
    return sum(
        key_of(image, 'id') not in filled for image in content['images']
    )


def _field_faults(
    content: dict, evaluated: bool | None
) -> Iterator[LabelFault]:
    objects = content['annotations']
    without = sum('iscrowd' not in entry for entry in objects)
    # Training reads a missing value as 0.
    if without and evaluated is not False:
        level: Level = 'error' if evaluated else 'warning'
        yield LabelFault(
            'missing iscrowd',
            f'{without} of {len(objects)} objects have no iscrowd, '
            f'which pycocotools needs for the evaluation; add "iscrowd": 0',
            level,
        )
    crowds = sum(bool(entry.get('iscrowd')) for entry in objects)
    if 2 * crowds > len(objects):
        yield LabelFault(
            'crowds',
            f'{crowds} of {len(objects)} objects have "iscrowd": 1, '
            f'and crowds are neither trained nor evaluated; write 0 for '
            f'single objects',
            'error' if crowds == len(objects) else 'warning',
        )
    if not objects:
        yield LabelFault(
            'no objects',
            'no objects; nothing can be trained or evaluated',
            'warning',
        )
    places = Counter(
        (
            key_of(entry, 'image_id'),
            key_of(entry, 'category_id'),
            key_of(entry, 'bbox'),
        )
        for entry in objects
    )
    # COCO itself has a few.
    twice = len(objects) - len(places)
    if twice > TWICE * len(objects):
        yield LabelFault(
            'objects listed twice',
            f'{twice} of {len(objects)} objects repeat the image, '
            f'category and box of another one; remove them',
            'warning',
        )
    sized = [
        (entry['area'], entry['bbox'][2] * entry['bbox'][3])
        for entry in objects
        if is_numbers(entry.get('bbox'), 4)
        and is_numbers([entry.get('area')], 1)
        and entry['area'] > 0
    ]
    # The mask of a thin object may cover about 1 % of its box.
    odd = sum(not 1e-3 * box <= area <= 1.5 * box + 2 for area, box in sized)
    if 2 * odd > len(sized):
        yield LabelFault(
            'unit of areas',
            f'{odd} of {len(sized)} areas do not fit the boxes, and '
            f'AP by object size depends on them; write areas in pixels',
            'warning',
        )
    flat = [
        entry
        for entry in objects
        if isinstance(entry.get('area'), (int, float))
        and not entry['area'] > 0
    ]
    if flat:
        yield LabelFault(
            'area of 0',
            f'{len(flat)} of {len(objects)} objects have an area of '
            f'0 or less, or not a number (first: annotation '
            f'{flat[0].get("id")}), and mmdet skips them; write the area of '
            f'the mask or the box in pixels',
            'warning',
        )


def _mask_faults(content: dict, needed: bool | None) -> Iterator[LabelFault]:
    objects = content['annotations']
    bare = [e for e in objects if e.get('segmentation') in (None, [], {}, '')]
    if bare and (needed or (needed is None and len(bare) < len(objects))):
        yield LabelFault(
            'missing mask',
            f'{len(bare)} of {len(objects)} objects have no mask '
            f'(first: annotation {bare[0].get("id")}), '
            + (
                'which training and segm AP need; add segmentation, or use '
                'a model and a metric for boxes only'
                if needed
                else 'but others do; add segmentation to all or none'
            ),
            'error' if needed else 'warning',
        )
    empty = [e for e in objects if is_empty_mask(e.get('segmentation'))]
    if empty:
        yield LabelFault(
            'empty mask',
            f'{len(empty)} of {len(objects)} objects have a mask '
            f'without a pixel (first: annotation {empty[0].get("id")}); '
            f'draw or remove them',
            'warning',
        )


def _category_faults(content: dict) -> Iterator[LabelFault]:
    used = {key_of(entry, 'category_id') for entry in content['annotations']}
    unused = [
        str(entry.get('name'))
        for entry in content['categories']
        if key_of(entry, 'id') not in used
    ]
    if unused:
        yield LabelFault(
            'class without objects',
            f'{len(unused)} of {len(content["categories"])} '
            f'categories have no object ({listed(unused)})',
            'note',
        )


def _left_out(content: dict) -> Iterator[LabelFault]:
    """Yield notes on objects and polygons that mmdet drops; COCO has some."""
    objects = content['annotations']
    boxes = [e['bbox'] for e in objects if is_numbers(e.get('bbox'), 4)]
    for count, what in (
        (
            sum(0 <= min(box[2:]) < 1 for box in boxes),
            'objects are less than a pixel wide or high',
        ),
        (
            sum(invalid_polygons(e.get('segmentation')) for e in objects),
            'polygons have fewer than three points',
        ),
    ):
        if count:
            text = f'{count:,} {what}; mmdet skips them'
            yield LabelFault('skipped by mmdet', text, 'note')
