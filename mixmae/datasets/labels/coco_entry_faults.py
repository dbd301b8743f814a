"""Faults of single entries of a COCO file: ids, sizes, boxes, masks.

``read_coco`` reads the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixmae.datasets.labels.instance_faults import (
    TOLERANCE,
    box_fault,
    mask_fault,
)
from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.fileio.safe_path import path_fault, read_json

# Pillow opens no image this wide; larger values are typing errors.
LARGEST_SIDE = 1_000_000
LISTS = ('images', 'annotations', 'categories')
# Kind, entry of the file, and description of a fault.
Fault = tuple[str, str, str]


def read_coco(path: str | Path) -> dict:
    """Return the content of an annotation file.

    Raises:
        ValueError: The file is missing, is not JSON (for example
            truncated), or lacks one of the three lists of a COCO file.
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror or error}') from None
    except ValueError as error:
        fix = 'possibly truncated; download or write it again'
        if 'BOM' in str(error):
            fix = 'save it as UTF-8 without a byte order mark'
        raise ValueError(f'{path}: invalid JSON ({error}), {fix}') from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path}: holds a {type(content).__name__}, not an object with '
            f'{", ".join(LISTS)}'
        )
    for key in LISTS:
        entries = content.get(key)
        if not isinstance(entries, list):
            raise ValueError(f'{path}: has no list of {key}')
        if not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f'{path}: an entry of {key} is not an object')
    return content


def coco_entry_faults(path: str | Path, content: dict) -> Iterator[LabelFault]:
    """Yield the fault of every entry of an annotation file.

    Opens no files. Objects less than a pixel wide or high are not faults:
    COCO itself contains some, and mmdet skips them.

    Args:
        path, content: Argument and result of ``read_coco``.
    """
    for kind, entry, text in _entry_faults(content):
        yield LabelFault(
            kind, f'{path}, {entry}: {text}; correct or remove it'
        )
    # One line for all: exports without areas have none at all.
    objects = content['annotations']
    without = sum('area' not in entry for entry in objects)
    if without:
        yield LabelFault(
            'missing area',
            f'{path}: {without} of {len(objects)} objects have no area, which '
            f'mmdet needs; add the pixels of the mask, or width times height '
            f'of the box (mixmae finetune does)',
        )


def _entry_faults(content: dict) -> Iterator[Fault]:
    yield from _repeated(content['categories'], 'category', 'id')
    yield from _repeated(content['categories'], 'category', 'name')
    yield from _repeated(content['images'], 'image', 'id')
    yield from _repeated(content['images'], 'image', 'file_name')
    yield from _repeated(content['annotations'], 'annotation', 'id')
    for index, image in enumerate(content['images']):
        yield from _image_faults(image, index)
    images = {
        image['id']: image
        for image in content['images']
        if _is_id(image.get('id'))
    }
    categories = {
        category['id']
        for category in content['categories']
        if _is_id(category.get('id'))
    }
    for index, annotation in enumerate(content['annotations']):
        yield from _annotation_faults(annotation, index, images, categories)


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_length(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 < value <= LARGEST_SIDE


def _name(kind: str, entry: dict, index: int) -> str:
    identity = entry.get('id')
    return f'{kind} {identity}' if _is_id(identity) else f'{kind} [{index}]'


def _repeated(entries: list[dict], kind: str, key: str) -> Iterator[Fault]:
    """Yield a fault per entry whose ``key`` is missing or repeated."""
    first: dict[int | str, int] = {}
    for index, entry in enumerate(entries):
        value, name = entry.get(key), _name(kind, entry, index)
        if value is not None and _is_id(value):
            earlier = first.setdefault(value, index)
            if earlier != index:
                if key == 'id':
                    name = f'{kind} [{index}]'
                text = f'{key} {value!r} is also used by {kind} [{earlier}]'
                yield (f'{kind} {key} used twice', name, text)
        elif key != 'file_name':
            # Invalid file names are reported with their other faults.
            text = f'{key} is {value!r}, not a whole number or a string'
            yield (f'bad {key}', name, text)


def _image_faults(image: dict, index: int) -> Iterator[Fault]:
    name = _name('image', image, index)
    fault = path_fault(image.get('file_name'))
    if fault is not None:
        yield ('bad file name', name, fault)
    sides = (image.get('width'), image.get('height'))
    if not all(map(_is_length, sides)):
        text = (
            f'width and height are {sides}, not two numbers from 1 to '
            f'{LARGEST_SIDE:,}'
        )
        yield ('bad image size', name, text)


def _annotation_faults(
    annotation: dict, index: int, images: dict, categories: set
) -> Iterator[Fault]:
    name = _name('annotation', annotation, index)
    category = annotation.get('category_id')
    if not _is_id(category) or category not in categories:
        text = f'category_id {category!r} does not exist in categories'
        yield ('unknown category', name, text + _span(categories))
    image_id = annotation.get('image_id')
    if not _is_id(image_id) or image_id not in images:
        text = f'image_id {image_id!r} does not exist in images'
        yield ('unknown image', name, text)
        return
    image = images[image_id]
    name += f' (image {image_id}, {image.get("file_name")})'
    width, height = image.get('width'), image.get('height')
    if not (_is_length(width) and _is_length(height)):
        return
    area = annotation.get('area', 0)
    if not isinstance(area, (int, float)):
        text = f'area is {area!r}, not a number'
        yield ('bad area', name, text)
    fault = _coco_box_fault(annotation.get('bbox'), width, height)
    if fault is not None:
        yield ('bad box', name, fault)
    mask = annotation.get('segmentation')
    # Objects without a mask are allowed: some datasets have only boxes.
    fault = None if mask in (None, [], {}) else mask_fault(mask, width, height)
    if fault is not None:
        yield ('bad mask', name, fault)


def _span(categories: set) -> str:
    numbers = sorted(c for c in categories if isinstance(c, int))
    if not numbers:
        return ''
    return f' ({len(categories)} with ids {numbers[0]} to {numbers[-1]})'


def _coco_box_fault(box: Any, width: int, height: int) -> str | None:
    """Return the ``box_fault`` of [x, y, width, height]; tiny is allowed."""
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(isinstance(value, (int, float)) for value in box)
    ):
        return box_fault(box, width, height)
    try:
        x, y, wide, high = map(float, box)
    except OverflowError:
        return 'box has a number that is too large'
    if 0 <= wide < 1 or 0 <= high < 1:
        wide, high = max(wide, TOLERANCE), max(high, TOLERANCE)
    return box_fault([x, y, x + wide, y + high], width, height)
