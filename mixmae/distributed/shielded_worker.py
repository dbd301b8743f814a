"""Loader workers that outlive a signal which was meant for the training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class SparedWorker:
    """A ``worker_init_fn`` that lets one signal from outside pass.

    Whoever signals all processes of a run (a terminal, Slurm) means the
    training, which needs its batches until it has saved. PyTorch would end
    the worker. A second signal ends it, and so does any from its parent, as
    soon as Python code may run in it. One that hangs in a library which never
    lets it must be killed, see ``failure_report.end_workers``.

    Args:
        init: what is called in each worker first, or None.
    """

    def __init__(self, init: Callable[[int], Any] | None = None) -> None:
        self.init = init

    def __call__(self, worker_id: int) -> None:
        """Starts to listen, in the worker."""
        if self.init is not None:
            self.init(worker_id)
        # On Windows signals reach one process only.
        if not hasattr(signal, 'pthread_sigmask'):
            return
        # Blocked everywhere, so that the thread takes them, and learns who
        # sent them, whatever the others do.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(
            target=_listen, args=(os.getppid(),), daemon=True
        ).start()


def spare_workers(loader: Any) -> None:
    """Lets the workers of a data loader, if it is one, be spared."""
    if isinstance(loader, DataLoader) and not isinstance(
        loader.worker_init_fn, SparedWorker
    ):
        loader.worker_init_fn = SparedWorker(loader.worker_init_fn)


def _listen(parent: int) -> None:
    told = False
    while True:
        found = signal.sigwaitinfo(SIGNALS)
        if found.si_pid == parent:
            os._exit(0)
        if told:
            os._exit(128 + found.si_signo)
        told = True
