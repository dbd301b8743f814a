"""Predict classes, objects or masks of images with a fine-tuned network.

    mixmae predict CHECKPOINT IMAGE [IMAGE ...] --out FOLDER

CHECKPOINT is a file, or the folder of a run, for its best one. IMAGE is a
file, a folder or a quoted pattern. FOLDER receives predictions.csv of a
classifier, predictions.json (COCO format with scores) of a detector, or
masks/*.png of a segmentor, and pictures/*.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mixmae.apis.prediction_files import DRAWN_SCORE, write_predictions
from mixmae.apis.predictor import Predictor
from mixmae.cli.command_line import CommandParser, refuse_unused
from mixmae.cli.shared_arguments import add_inference_arguments
from mixmae.cli.terminal_output import plain_warnings


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__)
    add_inference_arguments(parser, resize=False)
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument(
        '--no-pictures', action='store_true', help='draw no pictures'
    )
    parser.add_argument(
        '--score',
        type=float,
        help=f'smallest score of an object that is drawn (default: '
        f'{DRAWN_SCORE}); the file has all that the network finds',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    plain_warnings()
    predictor = Predictor(args.checkpoint, args.config, args.device)
    if predictor.task != 'detection' or args.no_pictures:
        refuse_unused(args, ('score',), 'except on the pictures of a detector')
    path = write_predictions(
        predictor,
        args.images,
        args.out,
        pictures=not args.no_pictures,
        score=DRAWN_SCORE if args.score is None else args.score,
        batch_size=args.batch_size,
        skip_corrupt=args.skip_corrupt,
    )
    print(f'{predictor.task} by {predictor.checkpoint}: wrote {path}')
