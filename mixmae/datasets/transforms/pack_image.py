"""Last step of a pretraining pipeline: packs results as a batch entry."""

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
    """Pack an image without labels, three times faster than ``PackInputs``.

    Returns a dict of

    - ``inputs``: ``results['img']`` as uint8 or float32 (channels, H, W),
      channel order unchanged;
    - ``data_samples``: a ``BaseDataElement`` with the meta information.

    For labels use mmpretrain's ``PackInputs``.

    Args:
        meta_keys: Keys of ``results`` to keep, where they exist. By default
            index and path of the image: the index seeds its mask in
            evaluation, and messages about invalid values name both.

    Raises:
        ValueError: When called on an image of another type or shape.
    """

    def __init__(
        self, meta_keys: Sequence[str] = ('sample_idx', 'img_path')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the entry of a batch."""
        image = results['img']
        if image.dtype not in (np.uint8, np.float32) or image.ndim != 3:
            raise ValueError(
                f'PackImage needs img as uint8 or float32 (H, W, channels), '
                f'got {image.dtype} {image.shape} of {results.get("img_path")}'
            )
        planes = np.empty((image.shape[2], *image.shape[:2]), image.dtype)
        # Several times faster than a copy of the transposed array.
        cv2.split(image, list(planes))
        sample = BaseDataElement()
        for key in self.meta_keys:
            if key in results:
                sample.set_field(results[key], key, field_type='metainfo')
        return {'inputs': torch.from_numpy(planes), 'data_samples': sample}

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(pack=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
