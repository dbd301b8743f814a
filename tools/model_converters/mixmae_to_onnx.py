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
from typing import Any

from mixmae.apis.image_preparation import Normalisation
from mixmae.apis.onnx_export import convert, height_and_width
from mixmae.apis.trained_network import network_config, trained_backbone
from mixmae.cli.command_line import CommandParser, run_tool
from mixmae.cli.commands.export import add_graph_arguments
from mixmae.config.failure_report import ConfigError


def parse_args() -> argparse.Namespace:
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    add_graph_arguments(parser, 'img_size of the backbone')
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
    return parser.parse_args()


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
    args = parse_args()
    if args.batch_size < 0:
        raise ConfigError(
            f'--batch-size must be 0 (any) or more, got {args.batch_size}'
        )
    if args.out.suffix != '.onnx':
        raise ConfigError(f'the file must end in .onnx, got {args.out}')
    cfg = network_config(args.config, args.checkpoint)
    size = height_and_width(
        args.size or cfg.model.backbone.get('img_size', 224)
    )
    backbone, normalisation = trained_backbone(
        cfg, args.checkpoint, args.stages
    )
    comparison = convert(
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
    print(comparison)


if __name__ == '__main__':
    run_tool(main)
