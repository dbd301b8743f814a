"""Run all benchmarks at small scale, one after the other: ``make bench``.

    python -m benchmarks [NAME ...] [--folder work_dirs/bench] [--rounds 3]

Prints the tables and writes a file of figures for each. A script that fails or
measures nothing does not stop the others. For full scale and for a GPU see the
options of each script: ``python -m benchmarks.step --help``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.candidate import ROOT

# In the order of what most people ask for.
NAMES = ('step', 'memory', 'loader', 'scaling')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('names', nargs='*', metavar='NAME', help=f'of {", ".join(NAMES)}')
    add('--folder', type=Path, default='work_dirs/bench')
    add('--rounds', type=int, default=3, help='processes per candidate')
    args = parser.parse_args()
    for name in args.names:
        if name not in NAMES:
            parser.error(f'{name}: choose from {", ".join(NAMES)}')
    return args


def main() -> None:
    """Run them; the exit status is 1 if one failed or measured nothing."""
    args = parse_args()
    failed = []
    for name in args.names or NAMES:
        out = args.folder.resolve() / f'{name}.json'
        command = [sys.executable, '-m', f'benchmarks.{name}']
        command += ['--rounds', str(args.rounds), '--out', str(out)]
        print(f'== {name}', flush=True)
        done = subprocess.run(command, cwd=ROOT, check=False)
        if done.returncode:
            failed.append(name)
        print(flush=True)
    print(f'figures in {args.folder}')
    if failed:
        sys.exit(f'failed: {", ".join(failed)}')


if __name__ == '__main__':
    main()
