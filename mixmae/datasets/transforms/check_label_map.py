"""Check of label maps against their image and classes."""

import numpy as np
from numpy import ndarray

from mixmae.config.failure_report import AnnotationError
from mixmae.registry import TRANSFORMS


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
