"""Upload a pretraining to the Hugging Face hub.

    mixmae push RUN USER/NAME [--card FILE]

RUN is the folder of a pretraining, a checkpoint, or a file of
`mixmae convert --to release`. The repository gets the weights and a model
card; `--init hf:USER/NAME` starts from them. Needs `pip install
'mixmae[hub]'`, and `hf auth login` once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixmae.apis.hub import push_to_hub
from mixmae.checkpoints.conversion.release import CARD, read_card
from mixmae.cli.command_line import CommandParser
from mixmae.fileio.safe_path import add_trust_argument


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__)
    parser.add_argument('run', metavar='RUN', help='folder or checkpoint')
    parser.add_argument('name', metavar='USER/NAME', help='repository')
    parser.add_argument(
        '--card',
        type=Path,
        metavar='FILE',
        help=f'JSON file with {", ".join(CARD)} and figures',
    )
    parser.add_argument(
        '--private', action='store_true', help='of a new repository'
    )
    add_trust_argument(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    card = read_card(args.card) if args.card else None
    print(push_to_hub(args.run, args.name, card, args.private))
