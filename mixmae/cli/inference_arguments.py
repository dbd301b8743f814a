"""Arguments that reconstruct, features and predict share."""

from __future__ import annotations

import argparse

from mixmae.apis.image_preparation import Resize
from mixmae.deprecation import RenamedFlag
from mixmae.fileio.safe_path import add_trust_argument

# Maximum side of an image in pixels, as in OpenCV.
MAX_SIDE = 2**15


def add_inference_arguments(
    parser: argparse.ArgumentParser, resize: bool = True
) -> None:
    """Add arguments for the checkpoint, the images and their reading.

    Args:
        parser: The parser.
        resize: Whether the command resizes images otherwise than the config.
    """
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
    """Convert ``--resize`` to the argument of an inferencer.

    Raises:
        ValueError: It is none of the choices.
    """
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
