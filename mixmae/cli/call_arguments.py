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


def add_value_range_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--value-range``."""
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


def add_derived_argument(
    parser: argparse.ArgumentParser,
    name: str,
    kind: Callable[[str], float | str],
    unit: str,
    text: str,
) -> None:
    """Add an argument that the call derives where it is not given."""
    parser.add_argument(
        name,
        type=kind,
        default='auto',
        metavar=unit,
        help=f'{text} (default: derived)',
    )


def add_devices_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--devices``."""
    parser.add_argument(
        '--devices',
        type=whole_number,
        default='auto',
        metavar='N',
        help='number of GPUs, or cpu (default: all GPUs)',
    )


def add_seed_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='N',
        help='seed of weights, order and validation share (default: 0)',
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add other settings, and what happens to a run in the folder."""
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
        '--overwrite', action='store_true', help='replace the run in OUT'
    )
