"""Data set of images in one NumPy array."""

import numpy as np
from mmengine.dataset import BaseDataset

from mixmae.registry import DATASETS


@DATASETS.register_module()
class ArrayImages(BaseDataset):
    """Images (N, H, W, 3), uint8 RGB, in a ``.npy`` file.

    The file is mapped into memory, so the processes of a loader share it.

    Args:
        ann_file: Path of the array.
        pipeline: Transforms; the first one receives the image, so no loading
            transform is needed.
        options: Other arguments of MMEngine's ``BaseDataset``.
    """

    def __init__(self, ann_file: str, pipeline: list, **options) -> None:
        self.images = np.load(ann_file, mmap_mode='r')
        if self.images.ndim != 4 or self.images.shape[-1] != 3:
            raise ValueError(
                f'{ann_file} has shape {self.images.shape}: images (N, H, W, '
                f'3) are expected'
            )
        super().__init__(ann_file=ann_file, pipeline=pipeline, **options)

    def load_data_list(self) -> list[dict]:
        """Return one record per image."""
        return [{'sample_idx': i} for i in range(len(self.images))]

    def get_data_info(self, idx: int) -> dict:
        """Return the input of the pipeline: an image in BGR."""
        record = super().get_data_info(idx)
        # Transforms of OpenMMLab expect BGR.
        image = np.ascontiguousarray(
            self.images[record['sample_idx']][..., ::-1]
        )
        shape = image.shape[:2]
        return {**record, 'img': image, 'img_shape': shape, 'ori_shape': shape}
