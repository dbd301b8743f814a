"""Pack a folder of images, or those of a list, into shards.

    mixmae pack data/imagenet/train data/imagenet-320/train \\
        --short-side 320 --workers 16

writes tar files in WebDataset's layout, an index that finds each image in
them, and the sums of all (`sha256sum -c SHA256SUMS`). Images whose short side
is above --short-side are made smaller, all others keep their bytes. Class
folders, and lists of `path label`, give labels. docs/packed_data.md says when
that pays, and how to train from shards.

The folder OUT is there when all is done; until then OUT.partial is, and the
same command goes on where it was interrupted. The exit status is 0 if all is
well, 1 if some files could not be packed (they are listed in
OUT/corrupt_files.txt), 2 for a bad call.
"""

import argparse
import os
import sys
from pathlib import Path

from mixmae.cli.progress import progress_bar
from mixmae.cli.unused_options import refuse_unused
from mixmae.data_tools.packing.pack_settings import (
    MEBIBYTE,
    PackReport,
    PackSettings,
)
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import CORRUPT_FILES, pack
from mixmae.data_tools.packing.shrinking import QUALITY
from mixmae.datasets.images.decoding_arguments import (
    add_decoding_arguments,
    decoding_of,
)
from mixmae.fileio.shown_text import shown_line

EXIT_INTERRUPTED = 130


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
        help=f'JPEG quality of downscaled images (default {QUALITY})',
    )
    parser.add_argument(
        '--shard-size',
        type=int,
        default=256,
        help='maximum size of a shard in MiB (default 256)',
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
        help='lists of files to skip, as written by verify_images.py',
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
    """Does what the command line says.

    Raises:
        ValueError: it says something that cannot be done.
    """
    if args.short_side is None:
        refuse_unused(args, ('quality',), 'without --short-side')
    settings = PackSettings(
        args.short_side,
        QUALITY if args.quality is None else args.quality,
        args.shard_size * MEBIBYTE,
        args.shuffle,
        decoding_of(args),
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
    """Prints what was done."""
    how = f', {report.shrunk:,} of them downscaled' if report.shrunk else ''
    if report.found:
        how += f'; {report.found:,} already existed'
    print(
        f'{args.out}: {report.images:,} images in {report.shards:,} shards, '
        f'{report.size / 1e9:.3f} GB{how}'
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
            f'{args.out} and pack anew)'
        )


def main(argv: list[str] | None = None) -> int:
    """Runs the tool; returns the exit status."""
    args = parse_args(argv)
    try:
        report = work(args)
    except (ValueError, OSError) as error:
        text = ' '.join(str(error).split())
        print(shown_line(f'pack: {text}'), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            'pack: interrupted; run the same command to continue in '
            f'{args.out}.partial',
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    show(report, args)
    return 1 if report.bad else 0
