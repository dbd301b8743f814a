"""Sizes of the images that pipelines make, and of masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.registry import TASK_UTILS

Size = tuple[int, int]


class ImageSizes(Check):
    """Draws a mask for the image size of each split of a pretraining.

    Where the last crop or resize of a pipeline makes images of one size.
    """

    name = 'image sizes'

    def run(self, planned: PlannedRun) -> Finding | None:
        cfg = planned.config
        model = cfg.get('model')
        data = model.get('data_preprocessor') if model else None
        masking = data.get('masking') if isinstance(data, Mapping) else None
        if not isinstance(masking, Mapping):
            return None
        splits = ('train', 'val') if planned.mode == 'train' else ('test',)
        compared, errors = [], []
        for split in splits:
            loader = cfg.get(f'{split}_dataloader')
            pipeline = _pipeline(loader)
            size = image_size(pipeline) if pipeline else None
            if size is None:
                continue
            compared.append(f'{split} {size[0]}x{size[1]}')
            try:
                TASK_UTILS.build(masking)(1, *size, torch.Generator())
            except ValueError as error:
                errors.append(
                    f'{split}_dataloader.dataset.pipeline and '
                    f'model.data_preprocessor.masking do not fit: {error}'
                )
            # Building the model says what is wrong with the masking.
            except (KeyError, TypeError):
                return None
        if not compared:
            return None
        return Finding(', '.join(compared), errors=tuple(errors))


def image_size(pipeline: Sequence) -> Size | None:
    """Height and width of the images that a pipeline makes.

    Args:
        pipeline: Configs of transforms.

    Returns:
        None if they differ from image to image, or it cannot be seen.
    """
    size: Size | None = None
    for transform in pipeline:
        if not isinstance(transform, Mapping):
            return None
        kind = str(transform.get('type')).split('.')[-1]
        if 'Crop' in kind:
            size = _pair(transform.get('crop_size', transform.get('scale')))
        elif kind == 'Resize' and not transform.get('keep_ratio'):
            size = _pair(transform.get('scale'))
            # Resize has (width, height), crops have (height, width).
            size = size and size[::-1]
        elif 'Resize' in kind or 'Pad' in kind:
            size = None
    return size


def _pair(value: Any) -> Size | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, (list, tuple)) and [type(v) for v in value] == [
        int,
        int,
    ]:
        return value[0], value[1]
    return None


def _pipeline(loader: Any) -> Sequence | None:
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    while isinstance(dataset, Mapping) and 'pipeline' not in dataset:
        dataset = dataset.get('dataset')
    return dataset.get('pipeline') if isinstance(dataset, Mapping) else None
