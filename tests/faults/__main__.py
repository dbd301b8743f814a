"""Fault injection campaign: ``python -m tests.faults``.

Injects every fault several times, and SIGKILLs at random times, into runs of
one and two processes, with and without workers. Prints a table and writes it
to ``work_dirs/fault_injection``; the exit status is 1 if a fault was not
survived.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.faults.fault_injection import FaultInjection
from tests.faults.fault_table import Outcome, markdown, rows, write
from tests.faults.faults import (
    AIMED,
    DAMAGES,
    RANDOM,
    SIGNALS,
    TWO_RANKS,
    TWO_RANKS_RANDOM,
    Fault,
)
from tests.faults.full_disk import ROOM, full_disk
from tests.faults.small_disk import NoSmallDiskError
from tests.faults.training_server import TrainingServer

# One in four random kills hits a run of two ranks.
RANDOM_ROUND = [RANDOM] * 9 + TWO_RANKS_RANDOM


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Survive faults')
    parser.add_argument('--kills', type=int, default=200, help='random ones')
    parser.add_argument(
        '--repeats', type=int, default=4, help='of each aimed fault'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--minutes', type=float, help='at most so many')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/fault_injection')
    )
    return parser.parse_args()


def plan(kills: int, repeats: int) -> list[Fault | str]:
    """Return all faults in mixed order, so that an early end covers all."""
    aimed = [*AIMED, *SIGNALS, *DAMAGES, *TWO_RANKS, *ROOM] * repeats
    some = itertools.islice(itertools.cycle(RANDOM_ROUND), kills)
    steps = max(1, kills // max(1, len(aimed)))
    found: list[Fault | str] = []
    for fault in aimed:
        found += [fault, *itertools.islice(some, steps)]
    return found + list(some)


class Campaign:
    """Injections into runs with and without workers and of two ranks."""

    def __init__(
        self, server: TrainingServer, folder: Path, rng: random.Random
    ) -> None:
        self._server = server
        self._folder = folder
        self._rng = rng
        self._injections = [
            FaultInjection(server, folder / 'plain', rng),
            FaultInjection(server, folder / 'workers', rng, workers=2),
        ]
        self._pair = FaultInjection(server, folder / 'pair', rng, ranks=2)
        self._disks: list[Outcome] = []
        self.skipped: dict[str, str] = {}

    @property
    def outcomes(self) -> list[Outcome]:
        """All outcomes, sorted by injection."""
        injections = [*self._injections, self._pair]
        found = [one for injection in injections for one in injection.outcomes]
        return [*found, *self._disks]

    def inject(self, fault: Fault | str) -> None:
        """Inject one fault; a string means a full disk."""
        if isinstance(fault, str):
            try:
                self._disks.append(
                    full_disk(
                        self._server, self._folder / 'disk', fault, self._rng
                    )
                )
            except NoSmallDiskError as error:
                self.skipped[fault] = f'not tried, no small disk: {error}'
        elif fault.name.startswith('two ranks'):
            self._pair.inject(fault)
        else:
            self._rng.choice(self._injections).inject(fault)

    def end(self) -> None:
        """Finish all runs and compare their final states."""
        for one in (*self._injections, self._pair):
            one.end()


def main() -> int:
    args = parse_args()
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix='fault_injection'))
    rng = random.Random(args.seed)
    with TrainingServer() as server:
        campaign = Campaign(server, folder, rng)
        todo = plan(args.kills, args.repeats)
        for number, fault in enumerate(todo):
            minutes = (time.monotonic() - start) / 60
            if args.minutes and minutes > args.minutes:
                break
            name = getattr(fault, 'name', fault)
            campaign.inject(fault)
            bad = sum(bool(one.wrong) for one in campaign.outcomes)
            print(
                f'{number + 1}/{len(todo)} {minutes:.1f} min, '
                f'{bad} not survived: {name}',
                flush=True,
            )
        campaign.end()
    outcomes = campaign.outcomes
    killed = sum('random' in one.fault for one in outcomes)
    write(
        args.out,
        outcomes,
        random_kills=killed,
        tries=len(outcomes),
        skipped=campaign.skipped,
        seed=args.seed,
        minutes=round((time.monotonic() - start) / 60, 1),
        machine=f'{platform.machine()}, {os.cpu_count()} cores',
        torch=torch.__version__,
    )
    print(markdown(outcomes))
    print(f'{killed} kills at random times; {args.out}/faults.json')
    for name, why in campaign.skipped.items():
        print(f'{name}: {why}')
    wrong = [row for row in rows(outcomes) if row['wrong']]
    for row in wrong:
        print(f'{row["fault"]}:', *row['wrong'], sep='\n  ')
    if wrong:
        print(f'the runs are in {folder}')
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
