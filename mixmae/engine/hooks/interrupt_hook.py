"""Hook that saves a checkpoint when the run is asked to end."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import distributed

from mixmae.config.failure_report import end_workers
from mixmae.distributed.process_watch import SIGNALS, shield_workers
from mixmae.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from mixmae.registry import HOOKS

# EX_TEMPFAIL of sysexits.h: no error; the same command continues the run.
EXIT_INTERRUPTED = 75


@HOOKS.register_module()
class InterruptHook(Hook):
    """On SIGTERM or SIGINT, save after the next update and exit with 75.

    Schedulers send SIGTERM some time before they kill; a keyboard sends
    SIGINT. A signal to one rank is enough: all ranks save together.
    ``--resume`` then continues after exactly this update. A second signal ends
    the process at once. Needs ``DurableCheckpointHook``.

    Raises:
        ValueError: There is no such hook.
    """

    # After the checkpoint hook, which may have saved this iteration already.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._told = 0
        self._before: dict[signal.Signals, Any] = {}
        self._group: Any = None

    def before_train(self, runner: Runner) -> None:
        """Install the signal handlers."""
        self._saver(runner)
        self._told = 0
        self._before = {
            number: signal.signal(number, self._listen) for number in SIGNALS
        }
        # The end of any worker would end the training.
        for loop in (runner.train_loop, runner.val_loop):
            shield_workers(getattr(loop, 'dataloader', None))
        if get_world_size() > 1:
            # A separate group on the host: no wait for the GPU.
            self._group = distributed.new_group(backend='gloo')

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Save and exit if any rank got a signal."""
        counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if (runner.iter + 1) % counts:
            return
        told = self._agreed()
        if not told:
            return
        path = self._saver(runner).save_now(runner)
        if self._group is not None:
            # A launcher ends the other ranks as soon as one has ended.
            distributed.barrier(self._group)
        runner.logger.info(
            f'{signal.Signals(told).name} after iteration {runner.iter + 1}: '
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

    def _listen(self, number: int, frame: FrameType | None) -> None:
        if self._told:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._told = number

    def _agreed(self) -> int:
        """Return the signal that any rank got, or 0."""
        if self._group is None:
            return self._told
        told = torch.tensor(self._told)
        distributed.all_reduce(told, distributed.ReduceOp.MAX, self._group)
        return int(told)

    def _saver(self, runner: Runner) -> DurableCheckpointHook:
        for hook in runner.hooks:
            if isinstance(hook, DurableCheckpointHook):
                return hook
        raise ValueError(
            'InterruptHook needs '
            "default_hooks.checkpoint.type='mixmae.DurableCheckpointHook', "
            'which saves the checkpoint'
        )
