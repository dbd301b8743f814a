"""Checks of boxes, masks and label maps: raise at an invalid annotation."""

from typing import Any

import numpy as np
from numpy import ndarray

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.labels.instance_faults import (
    TOLERANCE,
    box_fault,
    mask_fault,
)
from mixmae.fileio.safe_path import read_json
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CheckInstances:
    """Raise at an invalid box, mask or class of ``results['instances']``.

    For mmdet's pipelines, anywhere after the image is loaded; best directly
    before ``LoadAnnotations``, which fails at some faults without naming the
    object (a missing mask, or one of another size) and silently ignores
    others (polygons of two points). ``results`` is not changed; the cost is
    some microseconds per object.

    mmdet's ``CocoDataset`` drops unknown category ids and boxes fully outside
    the image while it reads the file, before any transform:
    ``mixmae check-data`` reports these.

    Args:
        num_classes: Number of classes; labels must be smaller. With None they
            must be 0 or more.
        with_mask: Whether every object needs a mask. Masks that exist are
            always checked.
        tolerance: Largest distance of a box outside the image, in pixels.
        ann_file: Annotation file in COCO format, for messages, which name it
            and the id of the annotation.

    Raises:
        AnnotationError: A ``ValueError``, when called on invalid results: the
            size of the image differs from the annotations; a box is not
            finite, empty, inverted or outside the image; a mask differs in
            size from the image or has no polygon of three points; a label is
            out of range.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        with_mask: bool = False,
        tolerance: float = TOLERANCE,
        ann_file: str | None = None,
    ) -> None:
        if num_classes is not None and num_classes < 1:
            raise ValueError(
                f'num_classes must be at least 1, or None for any number, '
                f'got {num_classes}'
            )
        if not tolerance >= 0:
            raise ValueError(
                f'tolerance must be 0 or more pixels, got {tolerance}'
            )
        self.num_classes = num_classes
        self.with_mask = with_mask
        self.tolerance = tolerance
        self.ann_file = ann_file

    def __call__(self, results: dict) -> dict:
        """Return ``results`` unchanged, or raise."""
        if 'ori_shape' not in results or 'instances' not in results:
            raise ValueError(
                'CheckInstances needs ori_shape and instances; use it in a '
                'detection pipeline, after the image is loaded; got '
                f'{sorted(results)}'
            )
        height, width = results['ori_shape'][:2]
        declared = (results.get('width', width), results.get('height', height))
        if declared != (width, height):
            raise AnnotationError(
                f'{_image(results)}: the annotations state {declared[0]} x '
                f'{declared[1]} px, the file has {width} x {height} px (width '
                'x height); correct the annotations, or the EXIF orientation '
                'of the file'
            )
        for index, instance in enumerate(results['instances']):
            fault = self._fault(instance, width, height)
            if fault is not None:
                raise AnnotationError(
                    f'{self._entry(results, index)}: {fault}; correct or '
                    f'remove this entry'
                )
        return results

    def _fault(self, instance: dict, width: int, height: int) -> str | None:
        fault = box_fault(instance['bbox'], width, height, self.tolerance)
        if fault is not None:
            return fault
        label, classes = instance['bbox_label'], self.num_classes
        if label < 0 or (classes is not None and label >= classes):
            allowed = '0 or more' if classes is None else f'0 to {classes - 1}'
            return f'class {label} is out of range, allowed is {allowed}'
        if instance.get('mask') is not None:
            return mask_fault(instance['mask'], width, height)
        return 'the mask is missing' if self.with_mask else None

    def _entry(self, results: dict, index: int) -> str:
        """Name the object, by its annotation id if possible."""
        entry = f'{_image(results)}, instance {index}'
        # Our own dataset records the file that it read.
        ann_file = results.get('ann_file', self.ann_file)
        if ann_file is None:
            return entry
        box = results['instances'][index]['bbox']
        number = _annotation_id(ann_file, results.get('img_id'), box)
        if number is None:
            return f'{entry} (not found in {ann_file})'
        return f'{ann_file}: {entry} (annotation id {number})'

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_classes={self.num_classes}, '
            f'with_mask={self.with_mask}, tolerance={self.tolerance}, '
            f'ann_file={self.ann_file!r})'
        )


def _image(results: dict) -> str:
    image = f'image {results.get("img_path", "without a path")}'
    if results.get('img_id') is None:
        return image
    return f'{image} (id {results["img_id"]})'


def _annotation_id(ann_file: str, image_id: Any, box: Any) -> Any:
    """Return the annotation id, which mmdet does not pass on; or None."""
    try:
        for entry in read_json(ann_file)['annotations']:
            x, y, width, height = entry['bbox']
            corners = [x, y, x + width, y + height]
            # As text, because NaN does not equal itself.
            if entry['image_id'] == image_id and str(corners) == str(box):
                return entry['id']
    except (OSError, ValueError, KeyError, TypeError):
        # Only improves the message; the fault is reported in any case.
        return None
    return None


@TRANSFORMS.register_module()
class CheckLabelMap:
    """Raise at an invalid ``results['gt_seg_map']``.

    For mmseg's pipelines, directly after ``LoadAnnotations``: the map then
    holds the values that the loss receives, after ``reduce_zero_label`` and
    after mapping to other classes. ``results`` is not changed; the cost is
    one pass over the pixels.

    Args:
        num_classes: Number of classes; the allowed values are 0 to
            ``num_classes`` - 1.
        ignore_index: The only other allowed value.

    Raises:
        AnnotationError: A ``ValueError``, when called on a map of another
            size than the image, or with other values; the message lists them
            and the number of pixels.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        if num_classes < 1:
            raise ValueError(
                f'num_classes must be at least 1, got {num_classes}'
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def __call__(self, results: dict) -> dict:
        """Return ``results`` unchanged, or raise."""
        # mmseg's inferencers drop LoadAnnotations, so there are no labels.
        if 'img' in results and not {'gt_seg_map', 'seg_map_path'} & {
            *results
        }:
            return results
        if 'ori_shape' not in results or 'gt_seg_map' not in results:
            raise ValueError(
                'CheckLabelMap needs ori_shape and gt_seg_map; use it right '
                'after LoadAnnotations in a segmentation pipeline; got '
                f'{sorted(results)}'
            )
        labels: ndarray = results['gt_seg_map']
        if labels.shape != tuple(results['ori_shape'][:2]):
            raise AnnotationError(self._size_message(results))
        ill = (labels >= self.num_classes) & (labels != self.ignore_index)
        if labels.dtype.kind == 'i':
            ill |= (labels < 0) & (labels != self.ignore_index)
        if ill.any():
            raise AnnotationError(self._value_message(results, labels[ill]))
        return results

    def _size_message(self, results: dict) -> str:
        height, width = results['ori_shape'][:2]
        shape = results['gt_seg_map'].shape
        if len(shape) == 2:
            found = f'has {shape[1]} x {shape[0]} px (width x height)'
        else:
            found = f'has shape {shape}, not one value per pixel'
        return (
            f'label map {_name(results, "seg_map_path")} {found}, its image '
            f'{_name(results, "img_path")} has {width} x {height} px; replace '
            'one of them'
        )

    def _value_message(self, results: dict, ill: ndarray) -> str:
        """Describe the values of the pixels that are not allowed, (n,)."""
        values, counts = np.unique(ill, return_counts=True)
        # Values in the file were larger by one; users look there.
        reduced = bool(results.get('reduce_zero_label'))
        shown = [
            f'{value} ({value + 1} in the file) in {count} pixels'
            if reduced
            else f'{value} in {count} pixels'
            for value, count in zip(values.tolist(), counts.tolist())
        ]
        more = f' and {len(shown) - 8} more values' if len(shown) > 8 else ''
        text = (
            f'label map {_name(results, "seg_map_path")} of image '
            f'{_name(results, "img_path")} has value '
            f'{", ".join(shown[:8])}{more}; allowed are 0 to '
            f'{self.num_classes - 1} and {self.ignore_index} (ignored)'
        )
        if reduced:
            return text + ', after reduce_zero_label subtracted 1'
        return text + '; correct the file, num_classes or reduce_zero_label'

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_classes={self.num_classes}, '
            f'ignore_index={self.ignore_index})'
        )


def _name(results: dict, key: str) -> str:
    return str(results.get(key, 'without a path'))
