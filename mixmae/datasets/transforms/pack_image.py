"""The last step of a pretraining pipeline: from results to a batch's entry."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mixmae.datasets.images.batched_transforms import Stages
from mixmae.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackImage:
    """Packs an image without labels, in a third of ``PackInputs``' time.

    Returns a dict of

    - ``inputs``: ``results['img']`` as uint8 (3, H, W), channels in their
      order;
    - ``data_samples``: a ``BaseDataElement`` with the meta information;
    - ``mirror``: what ``DrawFlip`` has drawn, if it stands in the pipeline.

    Where labels are needed, use mmpretrain's ``PackInputs``; of a ``mirror``
    it knows nothing, so ``mmpretrain.RandomFlip`` belongs to it.

    Args:
        meta_keys: what is kept of ``results``, where it is there. By default
            the number and the path of the image: the former seeds its mask in
            evaluation, and messages about bad values name both.

    Raises:
        ValueError: when called on an image that is not uint8 (H, W, 3).
    """

    def __init__(
        self, meta_keys: Sequence[str] = ('sample_idx', 'img_path')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """The entry of a batch."""
        image = results['img']
        if image.dtype != np.uint8 or image.shape[2:] != (3,):
            raise ValueError(
                f'PackImage needs img as uint8 (H, W, 3), got {image.dtype} '
                f'{image.shape} of {results.get("img_path")}'
            )
        planes = np.empty((3, *image.shape[:2]), np.uint8)
        # Several times faster than a copy of the transposed array.
        cv2.split(image, list(planes))
        sample = BaseDataElement()
        for key in self.meta_keys:
            if key in results:
                sample.set_field(results[key], key, field_type='metainfo')
        packed = {
            'inputs': torch.from_numpy(planes),
            'data_samples': sample,
        }
        if 'mirror' in results:
            packed['mirror'] = results['mirror']
        return packed

    def stages(self) -> Stages:
        """See ``BatchedPipeline``."""
        return Stages(pack=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
