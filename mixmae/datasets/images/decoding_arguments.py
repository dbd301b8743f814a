"""Command-line arguments of ``ImageDecoding``."""

from __future__ import annotations

import argparse

from mixmae.datasets.images.image_decoding import (
    EXTRA_BANDS,
    WHITE,
    ImageDecoding,
)


def add_decoding_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that control the conversion of files to channels."""
    group = parser.add_argument_group(
        'decoding', 'same as for LoadImage in the config'
    )
    group.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='sample values of black and white for images with more than 8 '
        'bits, signed or floating-point samples (default: as declared in '
        'the file)',
    )
    group.add_argument(
        '--extra-band',
        choices=[choice for choice in EXTRA_BANDS if choice],
        help='treat an additional band as transparency, or ignore it '
        '(default: as declared in the file)',
    )
    group.add_argument(
        '--in-channels',
        type=int,
        default=3,
        metavar='N',
        help='channels of the network: 1 for grey, other numbers for as many '
        'bands (default: 3, RGB)',
    )
    group.add_argument(
        '--background',
        nargs=3,
        type=int,
        default=WHITE,
        metavar=('R', 'G', 'B'),
        help='background colour of transparent pixels (default: white)',
    )


def decoding_of(args: argparse.Namespace) -> ImageDecoding:
    """Return the settings given on a command line.

    Raises:
        ValueError: A setting is out of range.
    """
    return ImageDecoding(
        tuple(args.background),
        args.extra_band,
        args.value_range,
        args.in_channels,
    )
