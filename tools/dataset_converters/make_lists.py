"""Write the lists of images and labels of iNaturalist and Places.

    python tools/dataset_converters/make_lists.py inaturalist2018 \\
        data/inaturalist2018

reads the official annotations in the folder (see docs/public_data_sets.md) and
writes meta/train.txt and meta/val.txt, which the configs name.
"""

import sys
from pathlib import Path

from mixmae.cli.command_line import CommandParser
from mixmae.config.failure_report import print_error
from mixmae.data_tools.inaturalist_places_lists import (
    PLACES365_SIZES,
    READERS,
    write_lists,
)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; return 0, or 2 after a line on an error."""
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('kind', choices=list(READERS))
    parser.add_argument('root', type=Path, help='folder of the data set')
    parser.add_argument(
        '--size',
        choices=PLACES365_SIZES,
        help='places365: size of the images (default: the one present)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace lists of another content',
    )
    args = parser.parse_args(argv)
    try:
        counts = write_lists(args.kind, args.root, args.size, args.overwrite)
    except (ValueError, OSError) as error:
        print_error(str(error))
        return 2
    for split, count in counts.items():
        print(f'{args.root}/meta/{split}.txt: {count:,} images')
    return 0


if __name__ == '__main__':
    sys.exit(main())
