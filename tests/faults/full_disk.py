"""Run with a full disk, which is then freed."""

from __future__ import annotations

import random
import re
from pathlib import Path

from mixmae.fileio.atomic_write import damage
from tests.faults.fault_points import Trigger
from tests.faults.fault_table import Outcome
from tests.faults.faulty_run import INTERVAL, FaultyRun
from tests.faults.loss_record import losses
from tests.faults.small_disk import fill, small_disk
from tests.faults.training_server import TrainingServer

# The log still has room, the checkpoint has not; nothing has.
ROOM = {'disk full at a checkpoint': 100_000, 'disk quite full': 0}


def full_disk(
    server: TrainingServer, folder: Path, fault: str, rng: random.Random
) -> Outcome:
    """Fill a disk after some steps, wait for the run to stop, free the disk.

    Raises:
        NoSmallDiskError: no disk can be filled here.
    """
    run = FaultyRun(server, folder, f'run{rng.random()}')
    # The disk is to become full during the run.
    run.options = ['--ignore-check', 'disk space']
    with small_disk(folder / f'disk{rng.random()}') as disk:
        run.work_dir = disk / 'run'
        at = rng.randint(INTERVAL + 1, 3 * INTERVAL)
        (training,) = run.start(Trigger('step', at=at))
        training.wait()
        run.new_lines()
        before, position = run.last(), run.position()
        ballast = fill(disk, ROOM[fault])
        (training,) = run.start()
        status = training.wait()
        found = losses(run.new_lines())
        lost = max(0, max(found, default=position) - position)
        wrong = ''
        last_line = training.tail().splitlines()[-1]
        if status in (0, None) or status < 0:
            wrong = f'ended with {status}'
        elif not re.match('error: .*No space left on device', last_line):
            wrong = f'does not say why: {training.tail()}'
        elif before is not None and damage(before):
            wrong = f'{before.name}: {damage(before)}'
        elif run.position() != position:
            wrong = f'goes on at {run.position()}, not at {position}'
        wrong = wrong or run.wrong(found)
        ballast.unlink()
        try:
            run.finish()
        except AssertionError as error:
            wrong = wrong or str(error)
        wrong = wrong or run.wrong(losses(run.new_lines())) or run.whole()
    return Outcome(fault, lost, wrong)
