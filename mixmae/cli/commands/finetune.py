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
from mixmae.cli.call_arguments import (
    add_derived_argument,
    add_devices_argument,
    add_run_arguments,
    add_seed_argument,
    add_value_range_argument,
    number,
    whole_number,
)
from mixmae.cli.command_line import CommandParser
from mixmae.cli.warning_lines import plain_warnings
from mixmae.fileio.safe_path import add_trust_argument
from mixmae.recipes.own_labels import TASKS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = CommandParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        '--init',
        required=True,
        metavar='FILE',
        help='backbone to start from: of mixmae, MixMIM, UM-MAE, timm, mmdet, '
        'mmseg or mmpretrain, or the folder of a run; detected',
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
    for name, kind, unit, text in (
        ('image-size', whole_number, 'PIXELS', 'side of the images'),
        ('epochs', whole_number, 'N', 'passes over the images'),
        ('batch-size', whole_number, 'N', 'images of a device at a time'),
        ('lr', number, 'RATE', 'peak learning rate'),
        ('num-workers', whole_number, 'N', 'processes that load images'),
    ):
        add_derived_argument(parser, f'--{name}', kind, unit, text)
    add_devices_argument(parser)
    parser.add_argument(
        '--in-channels',
        type=int,
        metavar='N',
        help='channels of the images; RGB weights are adapted (default: those '
        'of the weights)',
    )
    add_value_range_argument(parser)
    parser.add_argument(
        '--patience',
        type=int,
        metavar='EPOCHS',
        help='stop after so many epochs without improvement',
    )
    parser.add_argument(
        '--freeze-backbone', action='store_true', help='train only the head'
    )
    balance = argparse.BooleanOptionalAction
    parser.add_argument(
        '--class-weights',
        action=balance,
        help='balance rare classes; default: where they are rare',
    )
    parser.add_argument(
        '--reduce-zero-label',
        action=balance,
        help='0 is ignored in masks, class k has value k + 1; default: '
        'derived from values and names',
    )
    add_seed_argument(parser)
    add_run_arguments(parser)
    parser.add_argument(
        '--resume', action='store_true', help='resume the run in OUT'
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print table and config, and write nothing',
    )
    parser.add_argument(
        '--verbose', action='store_true', help='show all output'
    )
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
