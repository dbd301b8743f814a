"""Verify a data set on disk and list its problems.

    mixmae check-data coco data/coco
    mixmae check-data imagenet data/imagenet --decode all --workers 16

compares folders and counts with the published ones, checks every entry of the
annotation files, and opens a sample of the images, or all of them. No file is
changed. The exit status is 0 without problems, 1 with problems and 2 for
invalid arguments. docs/public_data_sets.md describes how to prepare each data
set.
"""

import argparse
import os
from pathlib import Path

from mixmae.cli.command_line import CommandParser, refuse_unused
from mixmae.cli.shared_arguments import (
    add_decoding_arguments,
    decoding_of,
)
from mixmae.config.failure_report import print_error
from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.inspection import DECODE, SAMPLE, Opening
from mixmae.data_tools.verification.known_sets import KNOWN_SETS
from mixmae.data_tools.verification.verifier import KINDS, verify
from mixmae.datasets.images.image_file import PLAIN
from mixmae.datasets.labels.label_maps import LabelMapValues
from mixmae.fileio.shown_text import shown_line


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description=__doc__.splitlines()[0],
        epilog='kinds: '
        + '; '.join(f'{kind}: {text}' for kind, text in KINDS.items()),
    )
    parser.add_argument('kind', choices=list(KINDS), metavar='KIND')
    parser.add_argument('root', type=Path, help='folder of the data set')
    parser.add_argument(
        '--decode',
        choices=DECODE,
        default='sample',
        help=f'open all files, a sample of {SAMPLE:,} of each split '
        '(default), or none',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(8, os.cpu_count() or 1),
        help='worker processes (default: number of cores, at most 8)',
    )
    parser.add_argument(
        '--limit',
        type=int,
        default=20,
        help='number of problems of one kind to list; others are counted '
        '(default 20)',
    )
    parser.add_argument(
        '--subset',
        action='store_true',
        help='the data set is a part of a public one: do not compare counts',
    )
    parser.add_argument(
        '--num-classes',
        type=int,
        help='segmentation: classes (default: those of classes.json or '
        'classes.txt in the folder)',
    )
    parser.add_argument(
        '--reduce-zero-label',
        action='store_true',
        help='segmentation: 0 is ignored and the classes count from 1; needs '
        '--num-classes',
    )
    parser.add_argument(
        '--ignore-index',
        type=int,
        default=255,
        help='segmentation: label to ignore, after --reduce-zero-label '
        '(default 255)',
    )
    parser.add_argument(
        '--annotations', type=Path, help='coco-format: annotation file'
    )
    parser.add_argument(
        '--images', type=Path, help='coco-format: its folder of images'
    )
    add_decoding_arguments(parser)
    return parser.parse_args(argv)


def look(args: argparse.Namespace) -> DatasetCheck:
    """Run the command; ``ValueError`` if an argument is invalid."""
    given = args.reduce_zero_label or args.ignore_index != 255
    if args.num_classes is None and given:
        raise ValueError(
            '--reduce-zero-label and --ignore-index need --num-classes'
        )
    values = None
    if args.num_classes is not None:
        values = LabelMapValues(
            args.num_classes, args.reduce_zero_label, args.ignore_index
        )
    if args.kind not in KNOWN_SETS:
        reason = f'on {args.kind}, which has no published counts'
        refuse_unused(args, ('subset',), reason)
    decoding = decoding_of(args)
    if args.decode == 'none' and decoding != PLAIN:
        raise ValueError(
            '--decode none opens no image; remove --value-range, --extra-band '
            'and --background'
        )
    return verify(
        args.kind,
        args.root,
        Opening(args.decode, args.workers, True, decoding),
        args.subset,
        values,
        args.annotations,
        args.images,
        args.limit,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    args = parse_args(argv)
    try:
        found = look(args)
    except (ValueError, OSError) as error:
        print_error(str(error))
        return 2
    for fact in found.facts:
        print(shown_line(str(fact)))
    for note in found.notes:
        print(shown_line(f'note: {note}'))
    for problem in found.problems:
        print(shown_line(f'problem: {problem}'))
    if found.count:
        print(f'{args.root}: {found.count:,} problems')
        return 1
    print(f'{args.root}: no problems')
    return 0
