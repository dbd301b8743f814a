"""Hook that ends a training in which a rank hangs or a worker dies."""

from __future__ import annotations

import multiprocessing.process
import multiprocessing.queues
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.distributed import distributed_c10d

from mixmae.config.failure_report import (
    EXIT_FAILURE,
    EXIT_HUNG,
    end_process,
    failure_line,
    killed_worker,
)
from mixmae.fileio.worker_processes import end_with_launcher
from mixmae.registry import HOOKS

if TYPE_CHECKING:
    from mixmae.distributed.watchdog import Watchdog


@HOOKS.register_module()
class WatchdogHook(Hook):
    """Detect ranks that make no progress.

    If one rank hangs, the others wait in a collective operation, with NCCL for
    10 minutes and with gloo for 30, and then report that operation. With this
    hook the rank that hangs reports itself with its stack, or the others name
    it; all exit with status 70. Ranks whose launcher was killed get SIGTERM,
    and a process whose loader workers have died ends within seconds, wherever
    its main thread is (``ProcessWatch``).

    Args:
        timeout: Seconds within which each rank must begin another step while
            others are further. It should be less than the timeout of the
            process group (``env_cfg.dist_cfg.timeout``).
        grace: Seconds that the other ranks leave to the hung rank to report
            itself.
    """

    # Before hooks that wait for other ranks.
    priority = 'VERY_HIGH'

    def __init__(self, timeout: float = 540.0, grace: float = 5.0) -> None:
        if not timeout > 0:
            raise ValueError(
                f'WatchdogHook: timeout must be above 0 seconds, got {timeout}'
            )
        self.timeout = timeout
        self.grace = grace
        self._dog: Watchdog | None = None
        self._processes: ProcessWatch | None = None
        # Number of the first iteration, which may compile.
        self._first: int | None = None

    def before_run(self, runner: Runner) -> None:
        """Start the watching threads."""
        self._first = None
        end_with_launcher()
        self._processes = ProcessWatch(_end_without_workers)
        self._processes.start()
        if get_world_size() < 2:
            return
        # Imported here: a single process needs no watchdog.
        from mixmae.distributed.watchdog import Watchdog

        store = distributed_c10d._get_default_store()
        # A separate connection: others may block theirs.
        if hasattr(store, 'clone'):
            store = store.clone()
        self._dog = Watchdog(
            store,
            get_rank(),
            get_world_size(),
            self.timeout,
            lambda line: end_process(line, EXIT_HUNG),
            self.grace,
            min(1.0, self.timeout / 5),
        )
        self._dog.start()

    def after_run(self, runner: Runner) -> None:
        """Stop the watching threads."""
        if self._processes is not None:
            self._processes.stop()
            self._processes = None
        if self._dog is not None:
            self._dog.stop()
            self._dog = None

    def _mark(self, step: str, timed: bool = False) -> None:
        if self._dog is not None:
            self._dog.mark(step, timed)

    def before_train_epoch(self, runner: Runner) -> None:
        """Mark the start of the loader workers."""
        self._mark(f'loading the first batch of epoch {runner.epoch + 1}')

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Mark a training step; the first one has no time limit."""
        if self._first is None:
            self._first = runner.iter
        timed = runner.iter > self._first
        self._mark(f'iteration {runner.iter + 1}', timed)

    def after_train_iter(
        self, runner: Runner, *args: Any, **kwargs: Any
    ) -> None:
        """Mark the time in other hooks and the data loader."""
        self._mark(f'hooks or data loading after iteration {runner.iter + 1}')

    def after_train_epoch(self, runner: Runner) -> None:
        """Mark the work after an epoch, such as checkpoints and probes."""
        self._mark(f'the end of epoch {runner.epoch + 1}')

    def before_val_epoch(self, runner: Runner) -> None:
        """Mark the start of the loader workers."""
        self._mark('loading the first batch of a validation')

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Mark a validation step."""
        self._mark(f'iteration {batch_idx + 1} of a validation')

    def after_val_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Mark the end of a validation."""
        self._mark('the end of a validation')

    def after_train(self, runner: Runner) -> None:
        """Mark the last checkpoint, for which the other ranks wait."""
        self._mark('the end of the training')


class ProcessWatch:
    """Watch the loader workers of a training process.

    PyTorch reports the death of a worker by raising from a signal handler in
    the main thread. If that happens in code that catches exceptions
    (``logging``), the error is lost and the run would wait for the batch until
    the loader's timeout. So it would for a batch that a worker cannot send,
    which Python only logs: such a worker ends.

    Args:
        end: Called once with the exit statuses of dead workers by process id
            (minus the signal number if a signal killed one), if the process
            still runs ``grace`` seconds after one of them died. It should end
            the process.
        grace: Seconds.
        poll: Seconds between two checks.
    """

    def __init__(
        self,
        end: Callable[[Mapping[int, int]], None],
        grace: float = 10.0,
        poll: float = 1.0,
    ) -> None:
        self.end = end
        self.grace = grace
        self.poll = poll
        self._dead_since: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='process-watch', daemon=True
        )

    def start(self) -> None:
        """Start the thread, before there are workers."""
        # Forked workers inherit it.
        feeder = multiprocessing.queues.Queue
        feeder._on_queue_feeder_error = staticmethod(_end_without_sending)  # type: ignore[attr-defined]
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join(5 * self.poll)

    def _run(self) -> None:
        while not self._stop.wait(self.poll):
            dead = dead_children()
            if not dead:
                self._dead_since = None
            elif self._dead_since is None:
                self._dead_since = time.monotonic()
            elif time.monotonic() - self._dead_since > self.grace:
                self.end(dead)
                return


def _end_without_sending(error: Exception, _: Any) -> None:
    if multiprocessing.parent_process() is not None:
        line = failure_line(error) or (
            f'a worker of the data loader cannot send its batch '
            f'({type(error).__name__}: {error}): samples must consist of '
            f'tensors, arrays and other values that can be pickled'
        )
        end_process(line, EXIT_FAILURE)


def dead_children() -> dict[int, int]:
    """Return the children that died and have not been waited for.

    Returns:
        Exit status by process id; minus the signal number if a signal killed
        it. The parent can still wait for them.
    """
    found: dict[int, int] = {}
    # Not on macOS before Python 3.13.
    if not hasattr(os, 'waitid'):
        return found
    # active_children() would reap them and hide them from PyTorch.
    children = multiprocessing.process._children  # type: ignore[attr-defined]
    for child in list(children):
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            state = os.waitid(os.P_PID, child.pid, flags)
        except ChildProcessError:
            continue
        if state is not None and state.si_status != 0:
            killed = state.si_code != os.CLD_EXITED
            found[child.pid] = -state.si_status if killed else state.si_status
    return found


def _end_without_workers(dead: Mapping[int, int]) -> None:
    pids = ', '.join(map(str, dead))
    status = min(dead.values())
    name = signal.strsignal(-status) if status < 0 else None
    end_process(killed_worker(pids, name), EXIT_FAILURE)
