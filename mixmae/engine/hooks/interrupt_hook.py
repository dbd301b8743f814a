"""Hook that saves a checkpoint when the run is asked to end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import distributed
from torch.utils.data import DataLoader

from mixmae.config.failure_report import EXIT_INTERRUPTED, end_workers
from mixmae.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from mixmae.registry import HOOKS

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@HOOKS.register_module()
class InterruptHook(Hook):
    """On SIGTERM or SIGINT, save after the next update and exit with 75.

    Schedulers send SIGTERM some time before they kill; a keyboard sends
    SIGINT. A signal to one rank is enough: all ranks save ``interrupted.pth``
    together.
    ``--resume`` then continues after exactly this update. A second signal ends
    the process at once. Needs ``DurableCheckpointHook``.

    Raises:
        ValueError: There is no such hook.
    """

    # After the checkpoint hook, which may have saved this iteration already.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._received = 0
        self._before: dict[signal.Signals, Any] = {}
        self._group: Any = None

    def before_train(self, runner: Runner) -> None:
        """Install the signal handlers."""
        self._saver(runner)
        self._received = 0
        self._before = {
            number: signal.signal(number, self._note_signal)
            for number in SIGNALS
        }
        # The end of any worker would end the training.
        for loop in (runner.train_loop, runner.val_loop):
            shield_workers(getattr(loop, 'dataloader', None))
        if get_world_size() > 1:
            # A separate group on the host: no wait for the GPU.
            self._group = distributed.new_group(backend='gloo')

    def after_train_iter(
        self, runner: Runner, *args: Any, **kwargs: Any
    ) -> None:
        """Save and exit if any rank got a signal."""
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if (runner.iter + 1) % counts:
            return
        received = self._agreed()
        if not received:
            return
        path = self._saver(runner).save_now(runner)
        if self._group is not None:
            # A launcher ends the other ranks as soon as one has ended.
            distributed.barrier(self._group)
        runner.logger.info(
            f'{signal.Signals(received).name} after iteration '
            f'{runner.iter + 1}: '
            f'saved {path}; continue with the same command and --resume'
        )
        self.after_train(runner)
        end_workers()
        raise SystemExit(EXIT_INTERRUPTED)

    def after_train(self, runner: Runner) -> None:
        """Restore the signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if self._received:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._received = number

    def _agreed(self) -> int:
        """Return the signal that any rank got, or 0."""
        if self._group is None:
            return self._received
        received = torch.tensor(self._received)
        distributed.all_reduce(received, distributed.ReduceOp.MAX, self._group)
        return int(received)

    def _saver(self, runner: Runner) -> DurableCheckpointHook:
        for hook in runner.hooks:
            if isinstance(hook, DurableCheckpointHook):
                return hook
        raise ValueError(
            'InterruptHook needs '
            "default_hooks.checkpoint.type='mixmae.DurableCheckpointHook', "
            'which saves the checkpoint'
        )


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
            target=_wait_for_signals, args=(os.getppid(),), daemon=True
        ).start()


def shield_workers(loader: Any) -> None:
    """Shield the workers of a data loader; ignore other objects."""
    if isinstance(loader, DataLoader) and not isinstance(
        loader.worker_init_fn, ShieldedWorker
    ):
        loader.worker_init_fn = ShieldedWorker(loader.worker_init_fn)


def _wait_for_signals(parent: int) -> None:
    received = False
    while True:
        found = signal.sigwaitinfo(SIGNALS)
        if found.si_pid == parent:
            os._exit(0)
        if received:
            os._exit(128 + found.si_signo)
        received = True
