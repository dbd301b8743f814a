"""Random horizontal flip that is drawn here and applied on the device."""

from typing import Any

import numpy as np

from mixmae.datasets.images.batched_transforms import Stages
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DrawFlip:
    """Draw ``results['mirror']``: whether to flip the image horizontally.

    ``PackImage`` passes it on, and ``MaskingDataPreprocessor`` flips images on
    the device, one batch at a time, which saves a copy of each image in the
    loader. NumPy's global generator is called once, as by mmcv's
    ``RandomFlip``, so that both flip the same images.

    The transform has no effect by itself: other packing steps and
    preprocessors, such as mmpretrain's, ignore the draw, and no image is
    flipped. Use ``mmpretrain.RandomFlip`` with them. Our datasets reject
    pipelines that combine this transform with mmpretrain's ``PackInputs``.

    For images only: boxes and label maps are not flipped.

    Args:
        prob: Probability of a flip, 0 to 1.

    Raises:
        ValueError: The probability is out of range, or the transform is
            called on results with boxes, key points or label maps.
    """

    def __init__(self, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be from 0 to 1, got {prob}')
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``mirror``, a bool, to ``results``."""
        for key in ('gt_bboxes', 'gt_keypoints', 'gt_seg_map'):
            if key in results:
                raise ValueError(
                    f'DrawFlip mirrors images only, but there is {key}; use '
                    f'mmcv.RandomFlip'
                )
        results['mirror'] = bool(np.random.random_sample() < self.prob)
        return results

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(draw=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
