"""Arguments that several commands share: of calls, and of images."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mixmae.apis.image_preparation import Resize
from mixmae.config.option_values import OptionAction
from mixmae.datasets.images.image_decoding import (
    EXTRA_BANDS,
    WHITE,
    ImageDecoding,
)
from mixmae.deprecation import RenamedFlag
from mixmae.fileio.safe_path import add_trust_argument

# Maximum side of an image in pixels, as in OpenCV.
MAX_SIDE = 2**15
INIT_HELP = (
    'weights to start from: a checkpoint or a run of mixmae; official MixMIM, '
    'UM-MAE or SimMIM; a Swin of timm, Microsoft, mmdet, mmseg, mmpretrain or '
    'Hugging Face; mixmae:NAME, timm:NAME or hf:USER/NAME'
)


def whole_number(text: str) -> int | str:
    """Read a number, or a word such as 'auto'."""
    return int(text) if text.lstrip('-').isdecimal() else text


def number(text: str) -> float | str:
    """Read a number, or a word such as 'auto'."""
    return text if text == 'auto' else float(text)


# Option, type, unit and meaning of what a call derives where it is not given.
DERIVED: tuple[tuple[str, Callable[[str], float | str], str, str], ...] = (
    ('--image-size', whole_number, 'PIXELS', 'side of the images'),
    ('--epochs', whole_number, 'N', 'passes over the images'),
    ('--batch-size', whole_number, 'N', 'images of a device at a time'),
    ('--lr', number, 'RATE', 'peak learning rate'),
)


def add_call_arguments(parser: argparse.ArgumentParser) -> None:
    """Add settings of images, schedule and machine, and of the run in OUT."""
    for name, kind, unit, text in DERIVED:
        parser.add_argument(
            name,
            type=kind,
            default='auto',
            metavar=unit,
            help=f'{text} (default: derived)',
        )
    parser.add_argument(
        '--value-range',
        # A default that is text is read as well.
        type=number,
        nargs=2,
        default='auto',
        metavar=('LOW', 'HIGH'),
        help='sample values of black and white, of images of other than 8 '
        'bits (default: those of --init, or measured on a sample)',
    )
    parser.add_argument(
        '--devices',
        type=whole_number,
        default='auto',
        metavar='N',
        help='number of GPUs, or cpu (default: all GPUs)',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='N',
        help='seed of weights, order and validation share (default: 0)',
    )
    parser.add_argument(
        '--cfg-options',
        '--overrides',
        dest='overrides',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='other settings of the config, e.g. num_workers=0',
    )
    parser.add_argument(
        '--ignore-check',
        dest='ignore_checks',
        action='append',
        default=[],
        metavar='NAME',
        help='errors of this preflight check become warnings; can be given '
        'several times',
    )
    parser.add_argument(
        '--resume', action='store_true', help='resume the run in OUT'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the run in OUT'
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print the plan and the config, and write nothing',
    )
    parser.add_argument(
        '--verbose', action='store_true', help='show all output'
    )


def add_inference_arguments(
    parser: argparse.ArgumentParser, resize: bool = True
) -> None:
    """Add arguments for the checkpoint, the images and their reading."""
    parser.add_argument(
        'checkpoint', help='checkpoint file or URL, or the folder of a run'
    )
    parser.add_argument(
        'images',
        nargs='+',
        metavar='IMAGE',
        help='files, folders or quoted glob patterns',
    )
    parser.add_argument(
        '--config',
        help='config file (default: the one in the checkpoint, as '
        'tools/train.py and the converters write it)',
    )
    if resize:
        parser.add_argument(
            '--resize',
            nargs='+',
            metavar='SIZE',
            help="'pipeline' = test pipeline of the config, 'none' = original "
            'size, one number = center square of this side, two numbers = '
            'height and width',
        )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=8,
        metavar='N',
        help='images at a time (default: 8)',
    )
    parser.add_argument(
        '--device', help='e.g. cpu or cuda:1 (default: a GPU if available)'
    )
    add_trust_argument(parser)
    parser.add_argument(
        '--skip-corrupt',
        action='store_true',
        help='skip files that cannot be read instead of stopping',
    )
    parser.add_argument(
        '--skip-broken',
        action=RenamedFlag,
        new='--skip-corrupt',
        dest='skip_corrupt',
    )


def resize_of(args: argparse.Namespace, default: Resize) -> Resize:
    """Convert ``--resize`` to the argument of an inferencer."""
    given = args.resize
    if given is None:
        return default
    if given == ['pipeline']:
        return 'pipeline'
    if given == ['none']:
        return None
    if len(given) <= 2 and all(text.isdecimal() for text in given):
        sides = tuple(int(text[:9]) for text in given)
        if not all(0 < side <= MAX_SIDE for side in sides):
            raise ValueError(
                f'--resize takes sides of 1 to {MAX_SIDE:,} pixels, got '
                f'{" ".join(text[:20] for text in given)}'
            )
        return sides[0] if len(sides) == 1 else (sides[0], sides[1])
    raise ValueError(
        f"--resize must be 'pipeline', 'none', one side or height and width "
        f'in pixels, got {" ".join(given)}'
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
    """Return the settings given on a command line."""
    return ImageDecoding(
        tuple(args.background),
        args.extra_band,
        args.value_range,
        args.in_channels,
    )
