"""Draws which images are mirrored; the device does it."""

from typing import Any

import numpy as np

from mixmae.datasets.images.batched_transforms import Stages
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DrawFlip:
    """Says in ``results['mirror']`` whether the image is to be mirrored.

    ``PackImage`` hands it on, and ``MaskingDataPreprocessor`` mirrors images
    from left to right on the device, a whole batch at a time; a copy of each
    image in the loader is saved. NumPy's global generator is asked once, as
    by mmcv's ``RandomFlip``, so that both mirror the same images.

    It does nothing by itself: another packing step or preprocessor, such as
    mmpretrain's, passes over what was drawn, and no image is mirrored. There
    ``mmpretrain.RandomFlip`` does it. Our data sets refuse pipelines with
    this one and mmpretrain's ``PackInputs``.

    For images alone: boxes and label maps are not mirrored along.

    Args:
        prob: of being mirrored, 0 to 1.

    Raises:
        ValueError: the probability is out of range, or when called on results
            that have boxes, key points or label maps.
    """

    def __init__(self, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be from 0 to 1, got {prob}')
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds mirror, a bool, to ``results``."""
        for key in ('gt_bboxes', 'gt_keypoints', 'gt_seg_map'):
            if key in results:
                raise ValueError(
                    f'DrawFlip mirrors images only, but there is {key}; use '
                    f'mmcv.RandomFlip'
                )
        results['mirror'] = bool(np.random.random_sample() < self.prob)
        return results

    def stages(self) -> Stages:
        """See ``BatchedPipeline``."""
        return Stages(draw=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
