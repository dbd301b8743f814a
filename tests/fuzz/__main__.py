"""``python -m tests.fuzz``: read thousands of damaged checkpoints."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.campaign import run


def main() -> int:
    """Print all faults; the exit status is 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='of the first')
    parser.add_argument('--count', type=int, default=5000, help='of cases')
    parser.add_argument('--keep', type=Path, help='folder for the bad ones')
    args = parser.parse_args()
    start = time.monotonic()
    found = run(args.seed, args.count, args.keep)
    for seed, fault in found['faults'].items():
        print(f'seed {seed}: {fault!a}')
    seconds = time.monotonic() - start
    print(f'{found["counts"]} in {seconds:.0f} s, seeds from {args.seed}')
    return 1 if found['faults'] else 0


if __name__ == '__main__':
    sys.exit(main())
