"""Write a trained backbone as an ONNX graph of one image size.

    python tools/model_converters/mixmae_to_onnx.py CHECKPOINT FILE.onnx
        [--config CONFIG] [--size 224] [--stages 0 1 2 3] [--batch-size 1]

The graph takes ``images``, float32 (B, C, H, W), normalised as its metadata
say, and gives one ``stage<i>`` (B, C, h, w) per stage: what
``backbone(images)`` gives. Where onnxruntime is installed both are run and
compared; beyond --bound nothing is written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mixmae.apis.normalisation import Normalisation
from mixmae.apis.trained_network import network_config, trained_backbone
from mixmae.cli.command_line import CommandParser, run_tool
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import check_output
from mixmae.fileio.safe_path import add_trust_argument
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone

BOUND = 1e-4


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('out', type=Path, help='output file, .onnx')
    parser.add_argument(
        '--config', help='config file (default: the one in the checkpoint)'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help=(
            'side, or height and width, of the images (default: img_size of '
            'the backbone)'
        ),
    )
    parser.add_argument(
        '--stages',
        type=int,
        nargs='+',
        metavar='STAGE',
        help=(
            "stages, counted from 0 (default: the config's out_indices, or "
            'the last stage)'
        ),
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        help='batch size; 0 = dynamic (default: 1)',
    )
    parser.add_argument(
        '--bound',
        type=float,
        default=BOUND,
        help='maximum difference to PyTorch, relative to the largest value '
        f'(default: {BOUND})',
    )
    add_trust_argument(parser)
    return parser.parse_args()


def image_size(sides: Sequence[int] | int) -> tuple[int, int]:
    """Height and width.

    Raises:
        ConfigError: not one or two positive numbers.
    """
    sides = [sides] if isinstance(sides, int) else list(sides)
    if not 1 <= len(sides) <= 2 or min(sides) < 1:
        raise ConfigError(
            f'--size must be one side or height and width, got {sides}'
        )
    return sides[0], sides[-1]


def export(
    backbone: HierarchicalBackbone, size: tuple[int, int], batch_size: int
) -> torch.onnx.ONNXProgram:
    """The graph of ``backbone(images)``.

    Args:
        backbone: in evaluation mode.
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
    images = torch.zeros(batch_size or 2, backbone.in_channels, *size)
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
            backbone,
            (images,),
            dynamo=True,
            verbose=False,
            input_names=['images'],
            output_names=[f'stage{i}' for i in backbone.out_indices],
            dynamic_shapes=None if batch_size else (batch,),
        )
    assert program is not None
    return program


def largest_difference(
    backbone: HierarchicalBackbone, path: Path, images: Tensor
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
        expected = backbone(images)
    absolute, relative = 0.0, 0.0
    for output, feature_map in zip(outputs, expected, strict=True):
        difference = (torch.from_numpy(output) - feature_map).abs().max()
        absolute = max(absolute, float(difference))
        share = float(difference / feature_map.abs().max())
        # max() would lose a NaN.
        relative = share if not share <= relative else relative
    return absolute, relative


def convert(
    backbone: HierarchicalBackbone,
    size: tuple[int, int],
    batch_size: int,
    out: Path,
    bound: float = BOUND,
    metadata: dict[str, Any] | None = None,
) -> str:
    """Export, compare with PyTorch, and write atomically.

    Args:
        backbone: in evaluation mode, on the CPU.
        size, batch_size: see ``export``.
        out: the file; weights above 2 GB go to ``<file>.data`` beside it.
        bound: see ``--bound``.
        metadata: kept in the file, values as JSON.

    Returns:
        What the comparison showed, for the user.

    Raises:
        ConfigError: the graph differs from the backbone.
    """
    program = export(backbone, size, batch_size)
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
            verdict = (
                'not compared with PyTorch: onnxruntime is not installed '
                '(pip install onnxruntime)'
            )
        else:
            verdict = _compare(backbone, partial, size, batch_size, bound)
        # Weights first: the graph names them.
        for file in sorted(Path(folder).iterdir(), reverse=True):
            os.replace(file, out.parent / file.name)
    return verdict


def _compare(
    backbone: HierarchicalBackbone,
    path: Path,
    size: tuple[int, int],
    batch_size: int,
    bound: float,
) -> str:
    """Raises ConfigError beyond the bound."""
    generator = torch.Generator().manual_seed(0)
    worst = (0.0, 0.0)
    for count in [batch_size] if batch_size else [1, 3]:
        images = torch.randn(
            count, backbone.in_channels, *size, generator=generator
        )
        found = largest_difference(backbone, path, images)
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


def metadata_of(
    normalisation: Normalisation, size: tuple[int, int]
) -> dict[str, Any]:
    """Metadata that a user of the graph needs."""
    return {
        'size': size,
        'mean': normalisation.mean,
        'std': normalisation.std,
        'channel_order': normalisation.channel_order,
        'pixel_range': [0, 255],
    }


def main() -> None:
    """Convert."""
    args = parse_args()
    if args.batch_size < 0:
        raise ConfigError(
            f'--batch-size must be 0 (any) or more, got {args.batch_size}'
        )
    if args.out.suffix != '.onnx':
        raise ConfigError(f'the file must end in .onnx, got {args.out}')
    cfg = network_config(args.config, args.checkpoint)
    size = image_size(args.size or cfg.model.backbone.get('img_size', 224))
    backbone, normalisation = trained_backbone(
        cfg, args.checkpoint, args.stages
    )
    verdict = convert(
        backbone,
        size,
        args.batch_size,
        args.out,
        args.bound,
        metadata_of(normalisation, size),
    )
    channels = backbone.in_channels
    images = f'{args.batch_size or "B"}x{channels}x{size[0]}x{size[1]}'
    print(f'wrote {args.out}: images {images}, stages {backbone.out_indices}')
    print(verdict)


if __name__ == '__main__':
    run_tool(main)
