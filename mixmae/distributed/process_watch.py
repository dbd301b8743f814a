"""Workers of the data loaders of a training."""

from __future__ import annotations

import multiprocessing.process
import multiprocessing.queues
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader

from mixmae.config.failure_report import (
    EXIT_FAILURE,
    end_process,
    failure_line,
)


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


SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ShieldedWorker:
    """A ``worker_init_fn`` that ignores the first outside signal.

    A terminal or Slurm signals all processes of a run, but the signal is meant
    for the training, which needs batches until it has saved. PyTorch's default
    would end the worker. A second signal ends it, and so does any signal from
    its parent, as soon as Python code can run in the worker. A worker that
    hangs in a library call must be killed, see ``failure_report.end_workers``.

    Args:
        init: Function that is called in each worker first, or None.
    """

    def __init__(self, init: Callable[[int], Any] | None = None) -> None:
        self.init = init

    def __call__(self, worker_id: int) -> None:
        """Start the signal thread, in the worker."""
        if self.init is not None:
            self.init(worker_id)
        # On Windows a signal reaches one process only.
        if not hasattr(signal, 'pthread_sigmask'):
            return
        # Blocked in all threads, so that only this thread receives them,
        # together with the sender.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(
            target=_listen, args=(os.getppid(),), daemon=True
        ).start()


def shield_workers(loader: Any) -> None:
    """Shield the workers of a data loader; ignore other objects."""
    if isinstance(loader, DataLoader) and not isinstance(
        loader.worker_init_fn, ShieldedWorker
    ):
        loader.worker_init_fn = ShieldedWorker(loader.worker_init_fn)


def _listen(parent: int) -> None:
    received = False
    while True:
        found = signal.sigwaitinfo(SIGNALS)
        if found.si_pid == parent:
            os._exit(0)
        if received:
            os._exit(128 + found.si_signo)
        received = True
