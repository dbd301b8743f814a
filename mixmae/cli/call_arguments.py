"""Arguments that pretraining and fine-tuning share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mixmae.config.option_values import OptionAction


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
        'bits (default: measured on a sample)',
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
