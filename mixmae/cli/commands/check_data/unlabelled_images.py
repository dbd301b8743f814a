"""Open all images in a folder and list the corrupt ones.

    mixmae check-data data/images --workers 8 --out corrupt_files.txt

finds the files that a training run would replace, with the same decoder. The
list can be passed to the data set, which then excludes these files:
--cfg-options train_dataloader.dataset.exclude=corrupt_files.txt. Images are
not changed.
Shards (of `mixmae pack`, or any tars) are supported; their checksums are
verified as well. The exit status is 0 without corrupt files, 1 with corrupt
files and 2 for invalid arguments. docs/data.md lists the causes.
"""

import argparse
import os
from pathlib import Path

from mixmae.cli.command_line import CommandParser
from mixmae.cli.shared_arguments import (
    add_decoding_arguments,
    decoding_of,
)
from mixmae.cli.terminal_output import progress_bar
from mixmae.config.failure_report import EXIT_SIGINT, print_error
from mixmae.data_tools.verification.unlabelled_set import (
    WRONG_SUFFIX,
    FolderReport,
    is_packed,
    verify_image_folder,
    verify_shards,
)
from mixmae.datasets.corrupt.corrupt_file_list import write_corrupt_files
from mixmae.datasets.images.image_file import PLAIN, ImageLimits
from mixmae.deprecation import RenamedFlag
from mixmae.fileio.atomic_write import check_output
from mixmae.fileio.shown_text import escape, shown_line


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'folder', type=Path, help='folder of images, or of shards'
    )
    parser.add_argument(
        '--ann-file',
        type=Path,
        help='verify the images in this list, one path per line, instead of '
        'all images below the folder',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(8, os.cpu_count() or 1),
        help='worker processes (default: number of cores, at most 8)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='write the list of corrupt files to this path; its paths are '
        'relative to the folder',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='also report images whose format differs from their suffix; a '
        'training run reads them',
    )
    parser.add_argument(
        '--min-side',
        type=int,
        default=1,
        help='minimum short side in pixels, as in LoadImage(min_side=...) '
        '(default 1)',
    )
    parser.add_argument(
        '--max-pixels',
        type=int,
        help='maximum number of pixels, as in LoadImage(max_pixels=...) '
        '(default: 179 million)',
    )
    parser.add_argument(
        '--checksums-only',
        action='store_true',
        help='compare the checksums of shards without decoding images',
    )
    parser.add_argument(
        '--sums-only',
        action=RenamedFlag,
        new='--checksums-only',
        dest='checksums_only',
    )
    parser.add_argument(
        '--limit',
        type=int,
        default=20,
        help='number of corrupt files to print; --out lists all (default 20)',
    )
    add_decoding_arguments(parser)
    return parser.parse_args(argv)


def look(args: argparse.Namespace) -> FolderReport:
    """Run the command; ``ValueError`` if an argument is invalid."""
    if args.limit < 0:
        raise ValueError(f'--limit must be 0 or more, got {args.limit}')
    if args.out is not None and not args.out.absolute().parent.is_dir():
        raise ValueError(f'--out {args.out}: the output folder does not exist')
    if args.out is not None:
        check_output(args.out, '.txt')
    progress = progress_bar('verifying')
    limits = ImageLimits(args.min_side, args.max_pixels)
    decoding = decoding_of(args)
    if args.checksums_only and decoding != PLAIN:
        raise ValueError(
            '--checksums-only does not decode images; remove --value-range, '
            '--extra-band and --background'
        )
    packed = is_packed(args.folder)
    for name in ('ann_file', 'strict') if packed else ('checksums_only',):
        if getattr(args, name):
            raise ValueError(
                f'--{name.replace("_", "-")} is for '
                + ('folders of files' if packed else 'shards')
                + f', but {args.folder} is not'
            )
    if packed:
        report = verify_shards(
            args.folder,
            limits,
            args.workers,
            args.checksums_only,
            progress,
            decoding,
        )
    else:
        report = verify_image_folder(
            args.folder,
            args.ann_file,
            limits,
            args.workers,
            args.strict,
            progress,
            decoding,
        )
    if args.out is not None:
        note = (
            f'{len(report.corrupt)} corrupt files of {report.opened} below '
            f'{escape(str(args.folder.absolute()))}'
        )
        write_corrupt_files(args.out, report.corrupt, note)
    return report


def show(report: FolderReport, args: argparse.Namespace) -> None:
    for entry in report.corrupt[: args.limit]:
        print(f'{entry.cause}: {escape(entry.path)}')
    more = len(report.corrupt) - args.limit
    if more > 0:
        print(f'... and {more:,} more' + ('' if args.out else '; see --out'))
    for note in report.notes:
        print(shown_line(f'note: {note}'))
    wrong = report.anomalies[WRONG_SUFFIX]
    if wrong and not args.strict:
        print(
            f'note: {wrong:,} images have another format than their suffix; '
            'they can be read nevertheless'
        )
    kinds = report.unsupported.most_common()
    if kinds:
        print(
            f'unsupported: {report.unsupported.total():,} of the files are '
            'intact, but conversion to 8-bit RGB would lose information:'
        )
    for kind, count in kinds[: args.limit]:
        print(f'    {count:,} of {kind}')
    causes = ', '.join(
        f'{count:,} {cause}' for cause, count in report.causes().most_common()
    )
    print(
        f'{escape(str(args.folder))}: {report.opened:,} images '
        + ('read, ' if args.checksums_only else 'opened, ')
        + (
            f'{len(report.corrupt):,} corrupt ({causes})'
            if causes
            else 'none is corrupt'
        )
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return the exit status."""
    args = parse_args(argv)
    try:
        report = look(args)
    except (ValueError, OSError) as error:
        print_error(' '.join(str(error).split()))
        return 2
    except MemoryError:
        print_error(
            'out of memory; use fewer --workers, or a smaller --max-pixels'
        )
        return 2
    except KeyboardInterrupt:
        print_error('interrupted; no list was written')
        return EXIT_SIGINT
    show(report, args)
    return 1 if report.corrupt else 0
