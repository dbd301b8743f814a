"""Fine-tune a pretrained backbone on labelled images.

    mixmae finetune --task classification --data photos/ --init FILE --out RUN
    mixmae finetune --task detection --data labels.json --init FILE --out RUN
    mixmae finetune --task segmentation --data roofs/ --init FILE --out RUN

Data are class folders or a CSV, annotations in COCO format, or a folder with
images and masks. What follows from data and weights is printed as a table;
RUN/config.py is the config that is trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mixmae.apis.fine_tuning import finetune
from mixmae.apis.training_process import TrainingFailedError, report_failure
from mixmae.cli.command_line import CommandParser
from mixmae.cli.shared_arguments import (
    INIT_HELP,
    add_call_arguments,
    whole_number,
)
from mixmae.cli.terminal_output import plain_warnings
from mixmae.fileio.safe_path import add_trust_argument
from mixmae.recipes.fine_tuning_config import TASKS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__)
    parser.add_argument(
        '--task',
        required=True,
        choices=list(TASKS),
        help='kind of the labels and of the network',
    )
    parser.add_argument(
        '--data', required=True, metavar='PATH', help='labelled images'
    )
    parser.add_argument(
        '--init', required=True, metavar='FILE', help=INIT_HELP
    )
    parser.add_argument(
        '--out', required=True, metavar='FOLDER', help='output of the run'
    )
    parser.add_argument(
        '--val-data',
        metavar='PATH',
        help='data to validate on (default: found in the data, or split off)',
    )
    parser.add_argument(
        '--val-share',
        type=float,
        default=0.2,
        metavar='SHARE',
        help='share to split off where there is no validation data (default: '
        '0.2)',
    )
    parser.add_argument(
        '--images',
        metavar='FOLDER',
        help='folder of the images that a CSV or JSON names',
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of the classes (default: folders, categories, or '
        'classes.txt next to the masks)',
    )
    parser.add_argument(
        '--num-workers',
        type=whole_number,
        default='auto',
        metavar='N',
        help='processes that load images (default: derived)',
    )
    parser.add_argument(
        '--in-channels',
        type=int,
        metavar='N',
        help='channels of the images; RGB weights are adapted (default: those '
        'of the weights)',
    )
    parser.add_argument(
        '--patience',
        type=int,
        metavar='EPOCHS',
        help='stop after so many epochs without improvement',
    )
    parser.add_argument(
        '--freeze-backbone', action='store_true', help='train only the head'
    )
    parser.add_argument(
        '--class-weights',
        action=argparse.BooleanOptionalAction,
        help='balance rare classes; default: where they are rare',
    )
    parser.add_argument(
        '--reduce-zero-label',
        action=argparse.BooleanOptionalAction,
        help='0 is ignored in masks, class k has value k + 1; default: '
        'derived from values and names',
    )
    add_call_arguments(parser)
    add_trust_argument(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Fine-tune; return the exit status."""
    options = vars(parse_args(argv))
    plain_warnings()
    try:
        finetune(**options)
    except TrainingFailedError as error:
        return report_failure(error)
    return 0
