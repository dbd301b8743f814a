"""Pretrain a backbone on images without labels.

    mixmae pretrain --out runs/roofs --data photos/ more/list.txt

Data are folders of images or tar shards, tar files, images, or text files of
paths. What is derived from the images and the machine is printed in a table
with the reasons; `--dry-run` stops after it. OUT/config.py is the config that
is trained; OUT/backbone.safetensors is the backbone for other tasks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mixmae.apis.pretraining import pretrain
from mixmae.apis.training_process import TrainingFailedError, report_failure
from mixmae.cli.command_line import CommandParser
from mixmae.cli.shared_arguments import INIT_HELP, add_call_arguments
from mixmae.cli.terminal_output import plain_warnings
from mixmae.recipes.methods import DEFAULT_METHOD, METHODS
from mixmae.recipes.networks import DEFAULT_MODEL, NETWORKS
from mixmae.recipes.pretraining_options import PRECISIONS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__)
    parser.add_argument(
        '--out', required=True, metavar='FOLDER', help='output of the run'
    )
    parser.add_argument(
        '--data',
        required=True,
        nargs='+',
        metavar='PATH',
        help='folders, tar files, images, or text files of paths',
    )
    parser.add_argument(
        '--model',
        help=f'{", ".join(NETWORKS)}, or a pretraining config '
        f'(default: that of --init, or {DEFAULT_MODEL})',
    )
    parser.add_argument(
        '--method',
        choices=[*METHODS],
        help=f'default: that of a config as --model, or {DEFAULT_METHOD}',
    )
    parser.add_argument(
        '--val-data',
        nargs='+',
        metavar='PATH',
        help='images to validate on (default: a share is held out)',
    )
    parser.add_argument(
        '--in-channels',
        type=int,
        default=3,
        metavar='N',
        help='channels of the images (default: 3)',
    )
    parser.add_argument('--init', metavar='FILE', help=INIT_HELP)
    parser.add_argument(
        '--precision',
        choices=PRECISIONS,
        default='auto',
        help='default: the fastest of the device',
    )
    add_call_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Pretrain; return the exit status."""
    options = vars(parse_args(argv))
    plain_warnings()
    try:
        pretrain(**options)
    except TrainingFailedError as error:
        return report_failure(error)
    return 0
