"""Loader workers that survive a signal meant for the training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader

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
