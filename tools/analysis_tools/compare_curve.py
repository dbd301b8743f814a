"""Is my loss normal? Compare a run with the reference of its recipe.

    python tools/analysis_tools/compare_curve.py work_dirs/my_run
    python tools/analysis_tools/compare_curve.py work_dirs/my_run \\
        configs/mixmae/curves/swin-demo_scenes-64.json --plot compared.png

Without a reference the one named as the run's config is taken.
"""

import argparse
from pathlib import Path

from mixmae.cli.command_line import CommandParser, refuse_unused, run_tool
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import check_output
from mixmae.visualization.loss_curve import (
    BANDS,
    compare,
    comparison_line,
    draw_curves,
    read_reference,
    read_run,
    warnings_of,
    write_reference,
)

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def parse_args() -> argparse.Namespace:
    parser = CommandParser(
        description='Compare the loss curve of a run with a reference curve'
    )
    parser.add_argument('run', help='work folder of a run, or a scalars.json')
    parser.add_argument(
        'reference',
        nargs='?',
        help='JSON file of a reference curve (default: the file in '
        'configs/*/curves/ with the name of the config)',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        help='tolerated relative deviation (default: the one in the '
        'reference, else 0.05)',
    )
    parser.add_argument(
        '--bands', type=int, help=f'bands of epochs (default: {BANDS})'
    )
    parser.add_argument('--plot', metavar='PNG', help='draw both curves')
    parser.add_argument(
        '--save-reference',
        metavar='JSON',
        help='write the curve of the run as a reference, and stop',
    )
    parser.add_argument(
        '--about',
        nargs='*',
        default=[],
        metavar='KEY=TEXT',
        help='metadata of a saved reference: config, command, hardware, seed, '
        'grade ...',
    )
    return parser.parse_args()


def reference_of(run: str) -> Path:
    """The reference named as the config that the run left in its folder."""
    names = [path.stem for path in Path(run).glob('*.py')]
    for name in names:
        for path in sorted(CONFIGS.glob(f'*/curves/{name}.json')):
            return path
    raise ConfigError(
        f'no reference curve for {" or ".join(names) or run} in '
        'configs/*/curves; pass one as the second argument, or save one of '
        'another run with --save-reference'
    )


def tolerance_of(value: object) -> float:
    """Return the tolerance of the command line or of the reference.

    Raises:
        ConfigError: it is no share.
    """
    try:
        found = float(str(value))
    except ValueError:
        found = -1.0
    if not found > 0:
        raise ConfigError(
            f'the tolerance must be a number above 0, got {value}'
        )
    return found


def main() -> None:
    """Compare, or save a reference."""
    args = parse_args()
    if args.save_reference is None:
        refuse_unused(args, ('about',), 'without --save-reference')
    else:
        others = ('tolerance', 'bands', 'plot')
        refuse_unused(
            args,
            others,
            'with --save-reference, which saves without comparing',
        )
        if args.reference is not None:
            raise ConfigError(
                f'{args.reference} has no effect with --save-reference, which '
                'saves without comparing'
            )
        check_output(args.save_reference, '.json')
    bands_wanted = BANDS if args.bands is None else args.bands
    if bands_wanted < 1:
        raise ConfigError(f'--bands must be at least 1, got {bands_wanted}')
    if args.plot is not None:
        check_output(args.plot, '.png')
    run = read_run(args.run)
    if args.save_reference is not None:
        unclear = [item for item in args.about if '=' not in item]
        if unclear:
            raise ConfigError(f'--about {unclear[0]}: must be KEY=TEXT')
        about = dict(item.split('=', 1) for item in args.about)
        about.pop('curve', None)
        about.setdefault('grade', 'reproduced here')
        write_reference(args.save_reference, run, about)
        print(f'wrote {len(run.epochs)} epochs to {args.save_reference}')
        return
    path = args.reference or reference_of(args.run)
    reference, about = read_reference(path)
    given = args.tolerance
    stated = about.get('tolerance', 0.05)
    tolerance = tolerance_of(stated if given is None else given)
    bands = compare(run, reference, bands_wanted)
    print(f'reference: {path}')
    for key, value in about.items():
        print(f'  {key}: {value}')
    print('epochs           run / reference')
    for band in bands:
        span = f'{band.first:g}-{band.last:g}'
        print(f'{span:<16} {band.ratio:.3f}')
    for warning in warnings_of(run):
        print(f'warning: {warning}')
    print(comparison_line(bands, tolerance))
    if args.plot is not None:
        draw_curves(args.plot, {'this run': run, 'reference': reference})


if __name__ == '__main__':
    run_tool(main)
