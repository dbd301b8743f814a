"""Hook that ends a training in which a rank hangs."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.distributed import distributed_c10d

from mixmae.config.failure_report import (
    EXIT_FAILURE,
    end_process,
    killed_worker,
)
from mixmae.distributed.process_watch import ProcessWatch
from mixmae.fileio.parent_watch import end_with_launcher
from mixmae.registry import HOOKS

if TYPE_CHECKING:
    from mixmae.distributed.watchdog import Watchdog

# EX_SOFTWARE of sysexits.h.
EXIT_HUNG = 70


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
        self._first = 0

    def before_run(self, runner: Runner) -> None:
        """Start the watching threads."""
        self._first = -1
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
        """Mark a training step; the first one may compile."""
        if self._first < 0:
            self._first = runner.iter
        timed = runner.iter > self._first
        self._mark(f'iteration {runner.iter + 1}', timed)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
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


def _end_without_workers(dead: Mapping[int, int]) -> None:
    pids = ', '.join(map(str, dead))
    status = min(dead.values())
    name = signal.strsignal(-status) if status < 0 else None
    end_process(killed_worker(pids, name), EXIT_FAILURE)
