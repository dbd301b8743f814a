"""Pack the images of a folder or a list into shards.

    mixmae pack data/imagenet/train data/imagenet-320/train \\
        --short-side 320 --workers 16

writes tar files in WebDataset's layout, an index with the position of each
image, and checksums (`sha256sum -c SHA256SUMS`). Images whose short side
exceeds --short-side are downscaled, images with a side longer than --tile are
divided into tiles, and all others are copied unchanged. Labels
come from class folders or from lists of `path label`. docs/packed_data.md
describes when packing helps and how to train from shards.

The output is written to OUT.partial, which is renamed to OUT when it is
complete. After an interruption, run the same command to continue. The exit
status is 0 if all files were packed, 1 if some could not be packed (they are
listed in OUT/corrupt_files.txt) and 2 for invalid arguments.
"""

import argparse
import os
from pathlib import Path

from mixmae.cli.command_line import CommandParser, refuse_unused
from mixmae.cli.shared_arguments import (
    add_decoding_arguments,
    decoding_of,
)
from mixmae.cli.terminal_output import progress_bar
from mixmae.config.failure_report import EXIT_SIGINT, print_error
from mixmae.data_tools.packing.pack_settings import (
    MEBIBYTE,
    PackReport,
    PackSettings,
)
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import CORRUPT_FILES, pack
from mixmae.datasets.images.image_kind import ANY_SIZE
from mixmae.fileio.shown_text import shown_line


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'source', help='folder of images, or a text file of paths'
    )
    parser.add_argument('out', type=Path, help='output folder')
    parser.add_argument(
        '--data-root',
        help='base folder of relative paths in a list (default: folder of the '
        'list)',
    )
    parser.add_argument(
        '--short-side',
        type=int,
        help='downscale images to this short side in pixels; never upscale '
        '(default: keep the files unchanged)',
    )
    parser.add_argument(
        '--quality',
        type=int,
        help=f'JPEG quality of downscaled images and of tiles of JPEGs '
        f'(default {PackSettings.quality})',
    )
    parser.add_argument(
        '--tile',
        type=int,
        metavar='SIDE',
        help='divide images with a longer side into tiles of at most SIDE '
        'pixels, as for scenes that are too large to decode in a training '
        '(default: no tiles)',
    )
    parser.add_argument(
        '--max-pixels',
        type=int,
        help='--tile: pixels of the largest image that is decoded to be '
        f'divided (default {PackSettings.max_pixels:,})',
    )
    parser.add_argument(
        '--shard-size',
        type=int,
        default=PackSettings.shard_bytes // MEBIBYTE,
        help='maximum size of a shard in MiB (default %(default)s)',
    )
    parser.add_argument(
        '--shuffle',
        type=int,
        metavar='SEED',
        help='shuffle the images with this seed, for programs that read '
        'shards sequentially (default: sorted names, or the order of the '
        'list)',
    )
    parser.add_argument(
        '--no-labels',
        action='store_true',
        help='do not use folders as classes',
    )
    parser.add_argument(
        '--exclude',
        nargs='+',
        default=[],
        help='lists of files to skip, as written by mixmae check-data',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='worker processes (default: number of cores)',
    )
    add_decoding_arguments(parser)
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> PackReport:
    """Run the command; ``ValueError`` if an argument is invalid."""
    if args.short_side is None and args.tile is None:
        refuse_unused(args, ('quality',), 'without --short-side or --tile')
    if args.tile is None:
        refuse_unused(args, ('max_pixels',), 'without --tile')
    settings = PackSettings(
        args.short_side,
        PackSettings.quality if args.quality is None else args.quality,
        args.shard_size * MEBIBYTE,
        args.shuffle,
        decoding_of(args),
        args.tile,
        PackSettings.max_pixels
        if args.max_pixels is None
        else args.max_pixels,
    )
    source = read_source(args.source, args.data_root, not args.no_labels)
    for note in source.notes:
        print(shown_line(f'note: {note}'))
    if args.exclude:
        source = source.without(args.exclude)
    return pack(
        source, args.out, settings, args.workers, progress_bar('packing')
    )


def show(report: PackReport, args: argparse.Namespace) -> None:
    how = f', {report.shrunk:,} of them downscaled' if report.shrunk else ''
    if report.tiled:
        how += f'; {report.tiled:,} large images divided into tiles'
    if report.found:
        how += f'; {report.found:,} already existed'
    print(
        f'{args.out}: {report.images:,} images in {report.shards:,} shards, '
        f'{report.size / 1e9:.3f} GB{how}'
    )
    if report.large:
        print(
            f'note: {report.large:,} images have more than '
            f'{ANY_SIZE.most_pixels:,} pixels: a training leaves them out '
            'unless LoadImage(max_pixels=...) allows them; --tile divides them'
        )
    if report.dotted:
        print(
            f'note: {report.dotted:,} names have more than one dot; '
            'WebDataset treats everything after the first one as the suffix'
        )
    for kind, count in report.unsupported.most_common():
        print(f'unsupported: {count:,} of {kind}')
    if report.bad:
        print(
            f'{len(report.bad):,} files could not be packed: '
            f'{args.out / CORRUPT_FILES} lists them (once fixed, remove '
            f'{args.out} and pack again)'
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    args = parse_args(argv)
    try:
        report = work(args)
    except (ValueError, OSError) as error:
        print_error(' '.join(str(error).split()))
        return 2
    except KeyboardInterrupt:
        print_error(
            'interrupted; run the same command to continue in '
            f'{args.out}.partial'
        )
        return EXIT_SIGINT
    show(report, args)
    return 1 if report.bad else 0
