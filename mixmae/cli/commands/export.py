"""Write a whole classifier or segmentor as an ONNX graph.

    mixmae export CHECKPOINT FILE.onnx [--size 224]

CHECKPOINT is a file, or the folder of a run. The graph takes ``images``,
float32 (B, C, H, W) with pixels of 0..255 and any B, and gives ``scores`` of
the classes: (B, K), or (B, K, H, W) of a segmentor. It normalises them itself;
its metadata say channel order, classes and how images are resized. Another
height or width is refused by the runtime.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixmae.apis.onnx_export import (
    BOUND,
    TaskGraph,
    convert,
    graph_metadata,
    graph_size,
    height_and_width,
)
from mixmae.apis.task_network import task_network
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.cli.command_line import CommandParser
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.safe_path import add_trust_argument


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__)
    parser.add_argument('checkpoint', help='checkpoint file, or a run')
    add_graph_arguments(
        parser, 'that of the test pipeline, or of the crops of a segmentor'
    )
    return parser.parse_args(argv)


def add_graph_arguments(parser: argparse.ArgumentParser, size: str) -> None:
    """Add the arguments of a graph; ``size`` is the default, in words."""
    parser.add_argument('out', type=Path, help='output file, .onnx')
    parser.add_argument(
        '--config', help='config file (default: the one in the checkpoint)'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help=f'side, or height and width, of the images (default: {size})',
    )
    parser.add_argument(
        '--bound',
        type=float,
        default=BOUND,
        help='maximum difference to PyTorch, relative to the largest value '
        f'(default: {BOUND})',
    )
    add_trust_argument(parser)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.out.suffix != '.onnx':
        raise ConfigError(f'the file must end in .onnx, got {args.out}')
    network = task_network(best_checkpoint(args.checkpoint), args.config)
    graph = TaskGraph(network).eval()
    stated = args.size or graph_size(network)
    if stated is None:
        raise ConfigError('the config states no size of images; give --size')
    size = height_and_width(stated)
    metadata = graph_metadata(network, size)
    comparison = convert(graph, size, 0, args.out, args.bound, metadata)
    scaled = metadata['value_range']
    of = '' if scaled is None else f' (sample values {scaled} scaled to it)'
    print(
        f'wrote {args.out}: images Bx{graph.in_channels}x{size[0]}x{size[1]} '
        f'with pixels of 0..255{of}, {metadata["channel_order"]}\n'
        f'{comparison}'
    )
