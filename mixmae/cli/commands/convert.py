"""The command ``convert``: checkpoints from and to other code bases."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixmae.checkpoints.conversion.automatic_conversion import (
    INCOMING,
    OUTGOING,
)
from mixmae.checkpoints.conversion.conversion import (
    check_suffix,
    describe,
    read_source,
)
from mixmae.checkpoints.conversion.release import CARD, read_card, release
from mixmae.cli.command_line import CommandParser, run_tool
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import check_output
from mixmae.fileio.safe_path import add_trust_argument

OURS, RELEASE = 'mixmae', 'release'
# The conversions, as (from, to), in which each option has an effect.
OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    'window_sizes': (('official', OURS), ('mmpretrain', OURS)),
    'img_size': ((OURS, 'mmpretrain'), (OURS, 'timm')),
    'backbone_only': ((OURS, 'mmpretrain'),),
    'from_task': ((OURS, 'safetensors'),),
    'card': ((OURS, RELEASE),),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description='Convert a checkpoint from or to another code base. Every '
        'key is reported; if one does not match, nothing is '
        'written.'
    )
    parser.add_argument('src', help='checkpoint to convert, a path or URL')
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--from',
        dest='source',
        choices=[OURS, *INCOMING],
        default=OURS,
        help='code base of SRC; "official" is the MixMIM code of the paper, '
        '"um-mae" the code of UM-MAE, "simmim" that of SimMIM, '
        '"safetensors" a bare backbone of mixmae '
        f'(default: {OURS})',
    )
    parser.add_argument(
        '--to',
        dest='target',
        choices=[OURS, *OUTGOING, RELEASE],
        default=OURS,
        help=f'code base of DST (default: {OURS}); "release" is a small '
        'safetensors file of a whole pretraining',
    )
    parser.add_argument(
        '--config',
        type=Path,
        help='config file of the run that wrote SRC, if SRC contains none',
    )
    parser.add_argument(
        '--window-sizes',
        type=int,
        nargs='+',
        help='resize bias tables bicubically to these windows, one per stage '
        '(from official, mmpretrain)',
    )
    parser.add_argument(
        '--img-size',
        type=int,
        help='image side in pixels of the converted network (default: that of '
        'SRC; to mmpretrain, timm)',
    )
    parser.add_argument(
        '--backbone-only',
        action='store_true',
        help='leave out decoder and classifier (to mmpretrain)',
    )
    parser.add_argument(
        '--from-task',
        action='store_true',
        help='export the backbone of a detector, segmentor or other model; '
        'the file records its training task (to safetensors)',
    )
    parser.add_argument(
        '--card',
        type=Path,
        metavar='FILE',
        help=f'JSON file with {", ".join(CARD)} and figures, for the header '
        '(to release)',
    )
    add_trust_argument(parser)
    return parser.parse_args(argv)


def checked_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the given options; ``ConfigError`` if one has no effect."""
    pair = (args.source, args.target)
    if pair.count(OURS) != 1:
        raise ConfigError(
            f'--from {args.source} --to {args.target}: exactly one of them '
            f'must be {OURS}; set the other code base, as in --from timm or '
            '--to timm'
        )
    given = {name: getattr(args, name) for name in OPTIONS}
    # An image size of 0 counts as given.
    options = {
        name: value
        for name, value in given.items()
        if value is not None and value is not False
    }
    for name in options:
        if pair not in OPTIONS[name]:
            where = ', '.join(f'{a} to {b}' for a, b in OPTIONS[name])
            raise ConfigError(
                f'--{name.replace("_", "-")} has no effect on a conversion '
                f'from {args.source} to {args.target}; it applies to: {where}'
            )
    return options


def main(argv: list[str] | None = None) -> None:
    """Convert a checkpoint; after an error nothing is written."""
    args = parse_args(argv)
    options = checked_options(args)
    if args.target == RELEASE and args.config:
        raise ConfigError(
            '--config has no effect on --to release, which takes the config '
            'of the run from its checkpoint'
        )
    both = args.dst.exists() and os.path.exists(args.src)
    if both and args.dst.samefile(args.src):
        raise ConfigError(f'SRC and DST are the same file, {args.src}')
    check_suffix(args.dst, bare=args.target in ('safetensors', RELEASE))
    check_output(args.dst, args.dst.suffix)
    if args.target == RELEASE:
        release(args.src, args.dst, args.card and read_card(args.card))
        print(f'wrote {args.dst}')
        return
    if args.target == OURS:
        convert = INCOMING[args.source]
    else:
        convert = OUTGOING[args.target]
    done = convert(read_source(args.src, args.config), **options)
    print('\n'.join(done.report.lines()))
    done.write(args.dst)
    print(f'network: {describe(done.model)}')
    print(f'wrote {args.dst}')


def run_replaced_script(path: str) -> None:
    """Run the conversion of an old script, named ``A_to_B.py``."""
    source, target = Path(path).stem.replace('um_mae', 'um-mae').split('_to_')
    warnings.warn(
        f'{Path(path).name} is deprecated: use tools/convert.py SRC DST '
        f'--from {source} --to {target}',
        FutureWarning,
        stacklevel=2,
    )
    pair = [f'--from={source}', f'--to={target}']
    run_tool(lambda: main([*sys.argv[1:], *pair]))
