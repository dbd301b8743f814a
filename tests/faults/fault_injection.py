"""Injection of faults into a run, and comparison with an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path

from mixmae.fileio.atomic_write import damage
from tests.faults.fault_table import Outcome
from tests.faults.faults import (
    Fault,
    aimed,
    kill_from_outside,
)
from tests.faults.faulty_run import EPOCH, FaultyRun
from tests.faults.loss_record import losses
from tests.faults.training_server import (
    StillRunningError,
    Training,
    TrainingServer,
)


class FaultInjection:
    """Injects faults into a run until it is nearly finished, then a new one.

    The effect of a fault is checked bit for bit in the losses of the next
    start and in the final state.

    Args:
        server: Server that forks the trainings.
        folder: Folder of all runs.
        rng: Random generator for the times of the faults.
        epochs, workers, ranks: see ``FaultyRun``.
    """

    def __init__(
        self,
        server: TrainingServer,
        folder: Path,
        rng: random.Random,
        epochs: int = 12,
        workers: int = 0,
        ranks: int = 1,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._rng = rng
        self._count = 0
        self._make = lambda name: FaultyRun(
            server, folder, name, epochs, workers, ranks
        )
        self._begin()

    def inject(self, fault: Fault) -> None:
        """Start the run, inject the fault, record lost steps."""
        if self.run.position() > self.run.steps - 2 * EPOCH:
            self.end()
        while not self._try(fault):
            # The run ended before it could be killed.
            self.end()

    def end(self) -> None:
        """Finish the run without a fault and compare its final state."""
        if self._of_this_run:
            why = ''
            try:
                self.run.finish()
            except AssertionError as error:
                why = str(error)
            why = self._judge() or why or self.run.whole()
            if why:
                for one in self._of_this_run:
                    one.wrong = one.wrong or f'in the end: {why}'
        self._begin()

    def _begin(self) -> None:
        self._count += 1
        self.run = self._make(f'run{self._count}')
        self._of_this_run: list[Outcome] = []
        self._resumed = 0
        self._said = ''
        self._corrupted: dict[Path, int] = {}

    def _try(self, fault: Fault) -> bool:
        run = self.run
        trigger = None
        if fault.trigger is not None:
            trigger = aimed(fault, run.position(), self._rng)
        trainings = run.start(trigger)
        wrong = ''
        try:
            if trigger is None and not kill_from_outside(
                fault, run, trainings, self._rng
            ):
                for one in trainings:
                    one.wait()
                return False
        except StillRunningError as error:
            wrong = str(error)
        struck = fault.outside or 0
        if trigger is not None:
            struck = trigger.rank or 0
        if fault.outside is not None and not run.has_stepped():
            # Ranks that still wait for each other at the start cannot detect
            # it; the launcher would end them.
            for one in trainings:
                one.kill()
        wrong = wrong or self._wait(trainings, struck, fault.status)
        before = self._judge()
        if self._of_this_run:
            last = self._of_this_run[-1]
            last.wrong = last.wrong or before
        computed = max(self._computed, default=self._resumed)
        self._said = ''
        wrong = wrong or self._broken()
        if fault.corrupt:
            self._said = fault.corrupt(run, self._rng)
            # They count as corrupted until they are rewritten.
            self._corrupted = {
                path: path.stat().st_mtime_ns
                for path in run.work_dir.glob('*.pth')
                if damage(path)
            }
        self._resumed = run.position()
        lost = max(0, computed - self._resumed)
        if lost > fault.lost:
            wrong = wrong or f'{lost} steps lost'
        outcome = Outcome(fault.name, lost, wrong)
        self.outcomes.append(outcome)
        self._of_this_run.append(outcome)
        return True

    def _wait(
        self, trainings: list[Training], struck: int, status: int
    ) -> str:
        """Wait for all ranks; return an error text or ''."""
        wrong = ''
        for rank, one in enumerate(trainings):
            try:
                found = one.wait()
            except StillRunningError as error:
                wrong = wrong or f'rank {rank} has {error}'
                continue
            if rank == struck and found != status:
                wrong = f'ended with {found}, not {status}: {one.tail()}'
            elif not found:
                wrong = wrong or f'rank {rank} has ended as if all was well'
        return wrong

    def _judge(self) -> str:
        """Return an error text on the losses since the last fault, or ''."""
        found = losses(self.run.new_lines())
        self._computed = list(found)
        if found and min(found) != self._resumed + 1:
            return f'went on at {min(found)}, not at {self._resumed + 1}'
        said = self.run.log.read_text(errors='replace')
        if self._said not in said:
            return f'the log does not say "{self._said}"'
        return self.run.wrong(found)

    def _broken(self) -> str:
        """Return an error text on the remaining files, or ''."""
        for path in self.run.work_dir.glob('*.pth'):
            if self._corrupted.get(path) == path.stat().st_mtime_ns:
                continue
            if why := damage(path):
                return f'{path.name} is left: {why}'
        return ''
