"""Evidence that pretraining helps, on real images: ``make evidence``.

    python tools/evidence.py [--data FOLDER] [--archive FILE.npz] [options]

Does the runs of ``benchmarks/evidence/specs.py`` that have no result yet, one
after the other, and writes one JSON file per run, docs/evidence.md and its
plots. It may be stopped or killed at any time; the same command resumes it.

The tables of the page are ``BLOCKS`` of ``benchmarks/evidence/page.py``: most
are of ``table.py``, that of the goals of ``goals.py``; ``plots.py`` draws.
"""

from __future__ import annotations

import argparse
import fnmatch
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence.page import filled  # noqa: E402
from benchmarks.evidence.plots import draw  # noqa: E402
from benchmarks.evidence.processes import Interrupted  # noqa: E402
from benchmarks.evidence.runs import Place, perform  # noqa: E402
from benchmarks.evidence.specs import CAMPAIGN  # noqa: E402
from benchmarks.evidence.table import read_results  # noqa: E402
from mixmae.cli.command_line import CommandParser, run_tool  # noqa: E402
from mixmae.config.failure_report import (  # noqa: E402
    EXIT_INTERRUPTED,
    ConfigError,
)
from mixmae.fileio.atomic_write import atomic_write, check_output  # noqa: E402

RESULTS = ROOT / 'docs' / 'evidence' / 'results'
PAGE = ROOT / 'docs' / 'evidence.md'


def parse_args() -> argparse.Namespace:
    parser = CommandParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--data', type=Path, default=Path('data/imagenette128'))
    add(
        '--archive',
        type=Path,
        help='archive to unpack into --data if that is missing',
    )
    add('--work-dir', type=Path, default=Path('work_dirs/evidence'))
    add('--results', type=Path, default=RESULTS)
    add(
        '--only',
        default='*',
        metavar='PATTERN',
        help='runs whose names match, e.g. "selection-*"',
    )
    add('--list', action='store_true', help='list the runs and exit')
    add('--report', action='store_true', help='write tables and plots only')
    return parser.parse_args()


def report(place: Place) -> None:
    """Write the tables of the page and the plots."""
    results = read_results(place.results)
    if not results:
        raise ConfigError(f'{place.results} contains no results')
    page = filled(PAGE.read_text(), results)
    with atomic_write(PAGE) as partial:
        partial.write_text(page)
    draw(results, PAGE.with_suffix('') / 'plots.png')


def main() -> int:
    """Run the tool; return 0, 1 after a failed run, or 75 when stopped."""
    args = parse_args()
    chosen = [s for s in CAMPAIGN if fnmatch.fnmatch(s.name, args.only)]
    if not chosen:
        raise ConfigError(f'no run matches {args.only}')
    place = Place(args.data, args.work_dir, args.results)
    if args.list:
        for spec in chosen:
            done = place.result(spec.name).exists()
            print('done   ' if done else 'missing', spec.name)
        return 0
    check_output(args.results / 'result.json')
    if args.report:
        report(place)
        return 0
    check_output(args.work_dir / 'run.json')
    if not args.data.exists() and args.archive:
        unpack = ROOT / 'tools' / 'dataset_converters' / 'unpack_jpegs.py'
        command = [sys.executable, str(unpack), str(args.archive)]
        if subprocess.run([*command, str(args.data)], check=False).returncode:
            return 2
    if not (args.data / 'train').is_dir():
        raise ConfigError(
            f'no images at {args.data}/train/<class>/; set --data to a folder '
            'with train and val, or --archive to an archive with them'
        )
    by_name = {spec.name: spec for spec in CAMPAIGN}
    try:
        for spec in chosen:
            if not place.result(spec.name).exists():
                print(f'running {spec.name}', flush=True)
                perform(spec, place, by_name)
                report(place)
    except Interrupted:
        print('stopped; run the same command to continue', file=sys.stderr)
        return EXIT_INTERRUPTED
    except RuntimeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(run_tool(main))
