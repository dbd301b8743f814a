"""Export of backbones, classifiers and segmentors to ONNX."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mixmae.apis.image_preparation import test_pipeline
from mixmae.apis.task_network import TaskNetwork
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import check_output

# Largest difference from PyTorch over the largest value.
BOUND = 1e-4


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


def height_and_width(sides: Sequence[int] | int) -> tuple[int, int]:
    """Return height and width of ``--size``.

    Raises:
        ConfigError: not one or two positive numbers.
    """
    sides = [sides] if isinstance(sides, int) else list(sides)
    if not 1 <= len(sides) <= 2 or min(sides) < 1:
        raise ConfigError(
            f'--size must be one side or height and width, got {sides}'
        )
    return sides[0], sides[-1]


def output_names(network: Any) -> list[str]:
    """Return the names of the outputs: those of its stages, or its own."""
    if hasattr(network, 'output_names'):
        return [*network.output_names]
    return [f'stage{i}' for i in network.out_indices]


def export(
    network: Any, size: tuple[int, int], batch_size: int
) -> torch.onnx.ONNXProgram:
    """Return the graph of ``network(images)``.

    Args:
        network: a backbone or a ``TaskGraph``, in evaluation mode.
        size: height and width of the images.
        batch_size: images of a batch; 0 = any number.

    Raises:
        ConfigError: onnx or onnxscript is not installed.
    """
    missing = [
        name
        for name in ('onnx', 'onnxscript')
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise ConfigError(
            f'{" and ".join(missing)} must be installed for the export: pip '
            f'install {" ".join(missing)}'
        )
    # One would be taken for a constant where any number is wanted.
    images = torch.zeros(batch_size or 2, network.in_channels, *size)
    batch = {0: torch.export.Dim('batch')}
    # Fused attention on a CPU has a special output layout, which the exporter
    # would rely on after having taken attention apart.
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            network,
            (images,),
            dynamo=True,
            verbose=False,
            input_names=['images'],
            output_names=output_names(network),
            dynamic_shapes=None if batch_size else (batch,),
        )
    assert program is not None
    return program


def largest_difference(
    network: Any, path: Path, images: Tensor
) -> tuple[float, float]:
    """Return the difference between onnxruntime and PyTorch.

    Returns:
        The largest absolute difference over all outputs, and that as a share
        of the largest absolute value of its output.
    """
    onnxruntime = importlib.import_module('onnxruntime')
    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    outputs = session.run(None, {'images': images.numpy()})
    with torch.no_grad():
        expected = network(images)
    absolute, relative = 0.0, 0.0
    for output, feature_map in zip(outputs, expected, strict=True):
        difference = (torch.from_numpy(output) - feature_map).abs().max()
        absolute = max(absolute, float(difference))
        share = float(difference / feature_map.abs().max())
        # max() would lose a NaN.
        relative = share if not share <= relative else relative
    return absolute, relative


def convert(
    network: Any,
    size: tuple[int, int],
    batch_size: int,
    out: Path,
    bound: float = BOUND,
    metadata: dict[str, Any] | None = None,
) -> str:
    """Export, compare with PyTorch, and write atomically.

    Args:
        network: a backbone or a ``TaskGraph``, in evaluation mode, on the
            CPU.
        size, batch_size: see ``export``.
        out: the file; weights above 2 GB go to ``<file>.data`` next to it.
        bound: largest difference from PyTorch over the largest value.
        metadata: kept in the file, values as JSON.

    Returns:
        What the comparison showed, for the user.

    Raises:
        ConfigError: the graph differs from the network.
    """
    program = export(network, size, batch_size)
    for key, value in (metadata or {}).items():
        program.model.metadata_props[key] = json.dumps(value)
    out.parent.mkdir(parents=True, exist_ok=True)
    check_output(out)
    with tempfile.TemporaryDirectory(
        dir=out.parent, prefix=f'.{out.stem}-'
    ) as folder:
        partial = Path(folder) / out.name
        program.save(partial)
        if importlib.util.find_spec('onnxruntime') is None:
            comparison = (
                'not compared with PyTorch: onnxruntime is not installed '
                '(pip install onnxruntime)'
            )
        else:
            comparison = _compare(network, partial, size, batch_size, bound)
        # Weights first: the graph names them.
        for file in sorted(Path(folder).iterdir(), reverse=True):
            os.replace(file, out.parent / file.name)
    return comparison


def _compare(
    network: Any,
    path: Path,
    size: tuple[int, int],
    batch_size: int,
    bound: float,
) -> str:
    """Compare a graph with PyTorch on random images; return the result.

    Raises:
        ConfigError: The difference exceeds the bound.
    """
    generator = torch.Generator().manual_seed(0)
    worst = (0.0, 0.0)
    for count in [batch_size] if batch_size else [1, 3]:
        images = torch.randn(
            count, network.in_channels, *size, generator=generator
        )
        found = largest_difference(network, path, images)
        if not found[1] <= bound:
            raise ConfigError(
                f'the graph differs from PyTorch by {found[0]:.2e}, '
                f'{found[1]:.2e} of the largest value, which exceeds --bound '
                f'{bound:g}; nothing was written'
            )
        worst = max(worst, found, key=lambda pair: pair[1])
    return (
        f'largest difference to PyTorch {worst[0]:.2e}, {worst[1]:.2e} of '
        f'the largest value (bound {bound:g})'
    )
