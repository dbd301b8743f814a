"""Units of the boxes of an annotation file in COCO format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mixmae.datasets.labels.coco_geometry import (
    box_fits,
    box_meaning,
    is_corners,
    is_numbers,
    key_of,
)
from mixmae.datasets.labels.label_fault import LabelFault

# Fractions of all boxes above which the fault is one of the whole file.
OUTSIDE = 0.2
MOST = 0.9
# Boxes within this part of the images suggest that those were enlarged.
PART = 0.52
LEAST_OBJECTS = 20


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
