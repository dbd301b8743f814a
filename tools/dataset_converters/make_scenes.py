"""Write the embedded synthetic scenes as a data set on disk.

    python tools/dataset_converters/make_scenes.py data/scenes

writes the same pictures in three layouts: OUT/imagenet (folders by dominant
class), OUT/coco (instances JSON) and OUT/ade (label maps). A second call with
the same settings finds them and returns at once, or adds a layout. Scenes of
other settings are replaced with --overwrite only.
"""

import argparse
import sys
from pathlib import Path

from mixmae.cli.command_line import CommandParser
from mixmae.cli.terminal_output import progress_bar
from mixmae.config.failure_report import print_error
from mixmae.datasets.scenes.layouts import LAYOUTS
from mixmae.datasets.scenes.scene_set import SceneSet


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, help='output folder')
    parser.add_argument(
        '--size', type=int, default=64, help='side in pixels (default 64)'
    )
    parser.add_argument(
        '--train', type=int, default=2048, help='scenes (default 2048)'
    )
    parser.add_argument(
        '--val', type=int, default=512, help='scenes (default 512)'
    )
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    parser.add_argument(
        '--format',
        nargs='+',
        default=list(LAYOUTS),
        choices=list(LAYOUTS),
        help='layouts (default: all)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace scenes of other settings in the folder',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; return the exit status."""
    args = parse_args(argv)
    try:
        scenes = SceneSet(
            size=args.size,
            train=args.train,
            val=args.val,
            seed=args.seed,
            formats=args.format,
        )
        written = scenes.write(
            args.out, progress_bar('scenes', 'scene'), args.overwrite
        )
    except (ValueError, OSError) as error:
        print_error(str(error))
        return 2
    layouts = ', '.join(scenes.formats)
    state = 'written' if written else 'already exists'
    print(f'{args.out}: {scenes.train} + {scenes.val} scenes of '
          f'{scenes.size} px {state} ({layouts})')  # fmt: skip
    return 0


if __name__ == '__main__':
    sys.exit(main())
