"""Classifiers and segmentors as modules for the ONNX export."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mixmae.apis.image_preparation import test_pipeline
from mixmae.apis.task_network import TaskNetwork


class TaskGraph(nn.Module):
    """Scores of the classes from pixels, normalisation included.

    Args:
        network: A classifier or a segmentor.

    Attributes:
        in_channels: Channels of the images.
        output_names: Name of the output.

    Raises:
        ValueError: The network is a detector, whose boxes and suppression
            mmdet computes outside of any graph.
    """

    def __init__(self, network: TaskNetwork) -> None:
        super().__init__()
        if network.task == 'detection':
            raise ValueError(
                'a detector has no graph of fixed size: mmdet decodes and '
                'suppresses boxes outside of it; export its backbone '
                '(tools/model_converters/mixmae_to_onnx.py), or use mmdeploy'
            )
        self.model: Any = network.model
        self.task = network.task
        preparation: Any = self.model.data_preprocessor
        self.mean, self.std = preparation.mean, preparation.std
        self.in_channels = self.mean.numel()
        self.output_names = ['scores']

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return the scores of images.

        Args:
            images: (B, C, H, W), pixels of 0..255, in the channel order of the
                training.

        Returns:
            (B, K), or (B, K, H, W) of a segmentor; they sum up to 1.
        """
        inputs = (images - self.mean) / self.std
        scores = self.model(inputs, mode='tensor')
        if self.task == 'segmentation':
            scores = F.interpolate(
                scores, images.shape[2:], mode='bilinear', align_corners=False
            )
        return (scores.softmax(1),)


def graph_metadata(
    network: TaskNetwork, size: tuple[int, int]
) -> dict[str, Any]:
    """Return what a user of the graph must know."""
    preparation: Any = network.model.data_preprocessor
    swapped = getattr(preparation, 'to_rgb', False) or getattr(
        preparation, '_channel_conversion', False
    )
    steps = [
        {k: v for k, v in dict(step).items() if k not in ('meta_keys',)}
        for step in test_pipeline(network.cfg)
    ]
    ranges = (step.get('value_range') for step in steps)
    return {
        'task': network.task,
        'classes': [*map(str, network.meta.get('classes') or ())],
        'size': size,
        'channel_order': channel_order(swapped, preparation.mean.numel()),
        'pixel_range': [0, 255],
        # Sample values of the files that are scaled to it.
        'value_range': next(filter(None, ranges), None),
        'normalised_inside': True,
        'preparation': steps,
    }


def channel_order(is_rgb: bool, channels: int) -> str:
    """Return the order of the channels of a graph, in words."""
    if channels != 3:
        return 'grey' if channels == 1 else 'bands in the order of the file'
    return 'RGB' if is_rgb else 'BGR'


def graph_size(network: TaskNetwork) -> tuple[int, int] | None:
    """Return the size that the config tests images at, if it is one."""
    for step in test_pipeline(network.cfg):
        if str(step['type']).endswith('CenterCrop'):
            side = step['crop_size']
            return (side, side) if isinstance(side, int) else tuple(side)
    size = getattr(network.model.data_preprocessor, 'size', None)
    return None if size is None else (size[0], size[1])
