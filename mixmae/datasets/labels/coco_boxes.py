"""Boxes and masks of annotations in COCO format: geometry and units.

Boxes in pixels; ``size`` is (width, height) of the image.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mixmae.datasets.labels.instance_faults import TOLERANCE
from mixmae.datasets.labels.label_fault import LabelFault

# Boxes and masks of valid datasets agree within a few pixels.
APART = 0.2
APART_PIXELS = 8.0
# Larger values, and values that are not numbers, are reported per entry.
LARGEST = 1e12
# Fractions of all boxes above which the fault is one of the whole file.
OUTSIDE = 0.2
MOST = 0.9
# Boxes within this part of the images suggest that those were enlarged.
PART = 0.52
LEAST_OBJECTS = 20


def is_numbers(values: Any, count: int) -> bool:
    """Return True if values are ``count`` finite numbers below the limit."""
    return (
        isinstance(values, (list, tuple))
        and len(values) == count
        and all(
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and abs(value) < LARGEST
            for value in values
        )
    )


def box_fits(box: Sequence[float], size: Sequence[float]) -> bool:
    """Return True if a box (x, y, width, height) is inside an image."""
    x, y, width, height = box
    return (
        min(x, y) >= -TOLERANCE
        and x + width <= size[0] + TOLERANCE
        and y + height <= size[1] + TOLERANCE
    )


def is_corners(box: Sequence[float], size: Sequence[float]) -> bool:
    """Return True if four numbers can be two corners in an image."""
    x1, y1, x2, y2 = box
    return (
        x2 > x1 >= -TOLERANCE
        and y2 > y1 >= -TOLERANCE
        and x2 <= size[0] + TOLERANCE
        and y2 <= size[1] + TOLERANCE
    )


def box_meaning(box: Sequence[float], entry: dict) -> str:
    """Classify a box by mask or area: size, corners, neither, unknown."""
    x, y, third, fourth = box
    extent = mask_extent(entry.get('segmentation'))
    if extent is not None:
        if is_near(extent, (x, y, x + third, y + fourth)):
            return 'size'
        return (
            'corners' if is_near(extent, (x, y, third, fourth)) else 'neither'
        )
    area = entry.get('area')
    if isinstance(area, (int, float)) and area > 0:
        if abs(third * fourth - area) <= 0.01 * area:
            return 'size'
        if abs((third - x) * (fourth - y) - area) <= 0.01 * area:
            return 'corners'
    return 'unknown'


def mask_extent(mask: Any) -> tuple[float, ...] | None:
    """Return the bounding corners of polygons; ``None`` for other masks."""
    if not isinstance(mask, list) or not mask:
        return None
    if not all(
        isinstance(polygon, list)
        and len(polygon) >= 6
        and is_numbers(polygon, len(polygon))
        for polygon in mask
    ):
        return None
    xs = [x for polygon in mask for x in polygon[::2]]
    ys = [y for polygon in mask for y in polygon[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def is_near(extent: Sequence[float], corners: Sequence[float]) -> bool:
    """Return True if a box agrees with the extent of a mask."""
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    allowed = [
        max(APART_PIXELS if side > 4 * APART_PIXELS else 2.0, APART * side)
        for side in (width, height, width, height)
    ]
    return all(
        abs(a - b) <= most for a, b, most in zip(extent, corners, allowed)
    )


def is_empty_mask(mask: Any) -> bool:
    """Return True if a mask is given and has no pixel."""
    if isinstance(mask, dict):
        counts = mask.get('counts')
        if isinstance(counts, list):
            numbers = all(isinstance(value, int) for value in counts)
            return numbers and sum(counts[1::2]) == 0
        return counts in ('', b'')
    extent = mask_extent(mask)
    return extent is not None and (
        extent[0] == extent[2] or extent[1] == extent[3]
    )


def key_of(entry: dict, name: str) -> str:
    """Return an id of any type as text."""
    return repr(entry.get(name))


def unit_faults(content: dict) -> Iterator[LabelFault]:
    """Yield faults of boxes in fractions of the image, or as two corners.

    ``coco_file_faults`` adds the name of the file.
    """
    sizes = {
        key_of(image, 'id'): (image.get('width'), image.get('height'))
        for image in content['images']
    }
    boxes = []
    for entry in content['annotations']:
        box, size = entry.get('bbox'), sizes.get(key_of(entry, 'image_id'))
        if is_numbers(box, 4) and size is not None and is_numbers(size, 2):
            boxes.append((box, size, entry))
    if not boxes:
        return
    count = len(boxes)
    if all(
        max(box) <= 1.0 < min(size) and min(box) >= 0 for box, size, _ in boxes
    ):
        yield LabelFault(
            'unit of boxes',
            f'all {count} boxes lie between 0 and 1, as fractions of '
            f'the image (first: {boxes[0][0]}); COCO has [x, y, width, '
            f'height] in pixels, and mmdet skips boxes under a pixel: '
            f'multiply by width and height of the image',
        )
        return
    outside = sum(not box_fits(box, size) for box, size, _ in boxes)
    corners = sum(is_corners(box, size) for box, size, _ in boxes)
    # The area, or the extent of the mask, decides between both.
    votes = Counter(box_meaning(box, entry) for box, _, entry in boxes)
    as_corners = votes['corners'] > MOST * (count - votes['unknown'])
    voted = votes['corners'] >= 3 or votes['corners'] == count
    if corners >= MOST * count and (
        outside > OUTSIDE * count or (as_corners and voted)
    ):
        yield LabelFault(
            'unit of boxes',
            f'boxes seem to be [x1, y1, x2, y2] (first: '
            f"{boxes[0][0]}): as COCO's [x, y, width, height], {outside} of "
            f'{count} reach outside the image, as corners {count - corners}; '
            f'write x2 - x1 and y2 - y1 as width and height',
        )
    elif count >= LEAST_OBJECTS and all(
        box[0] + box[2] <= PART * size[0] and box[1] + box[3] <= PART * size[1]
        for box, size, _ in boxes
    ):
        yield LabelFault(
            'unit of boxes',
            f'all {count} boxes lie in the upper left quarter of '
            f'their images: were the images enlarged after annotation? '
            f'Boxes must be in pixels of the present images',
            'warning',
        )
    elif votes['neither'] > 0.5 * count:
        yield LabelFault(
            'boxes outside of masks',
            f'{votes["neither"]} of {count} boxes do not enclose the '
            f'mask of their object; both must be in pixels of the same '
            f'image, as a viewer shows it',
            'warning',
        )
