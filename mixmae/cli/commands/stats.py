"""The command ``stats``: number, kinds, sizes and values of images.

DATA is a folder of images or shards, a tar file, a list of paths (.txt) or an
image. A sample of the images is opened; nothing is changed. The printed
value_range, mean and std go into a config as they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from mixmae.cli.command_line import CommandParser
from mixmae.data_tools.data_stats import data_stats
from mixmae.datasets.images.image_kind import ImageLimits
from mixmae.datasets.images.sample_values import IMAGES
from mixmae.fileio.shown_text import shown_line


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description='Number, kinds, sizes and values of images'
    )
    parser.add_argument(
        'data',
        nargs='+',
        metavar='PATH',
        help='folders of images or shards, tar files, images, text files of '
        'paths',
    )
    parser.add_argument(
        '--in-channels',
        type=int,
        metavar='N',
        help='channels of the network (default: the bands of most files)',
    )
    parser.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='sample values of black and white (default: percentiles)',
    )
    parser.add_argument(
        '--images',
        type=int,
        default=IMAGES,
        metavar='N',
        help='images to open (default: %(default)s)',
    )
    parser.add_argument(
        '--max-pixels',
        type=int,
        help='pixels that an image may have (default: 179 million)',
    )
    parser.add_argument('--json', action='store_true', help='print JSON')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the statistics."""
    args = parse_args(argv)
    found = data_stats(
        args.data,
        args.in_channels,
        args.value_range and tuple(args.value_range),
        args.images,
        ImageLimits(max_pixels=args.max_pixels),
    )
    if args.json:
        print(json.dumps(dataclasses.asdict(found), indent=2))
        return
    for line in found.lines():
        print(shown_line(line))
