"""Points of a training at which faults are injected.

The config of the training imports this module. The environment variable
``FAULT`` contains a ``Trigger`` as JSON, so that the same command with the
same config can be repeated without a fault.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.hooks import Hook

from mixmae.checkpoints.io import checkpoint_writer
from mixmae.engine.optimizers import AutocastOptimWrapper
from mixmae.fileio import atomic_write as durable_file
from mixmae.registry import HOOKS
from tests.engine.tiny_run import SquaresDataset

MAIN = os.getpid()
KINDS = {
    '.pth': 'checkpoint',
    '.sha256': 'checksum',
    '.json': 'manifest',
    '.html': 'report',
    '': 'note',
}


@dataclasses.dataclass
class Trigger:
    """Type, place and time of a fault.

    Attributes:
        point: name of the point.
        at: First (micro-)step, counted from 1, in which it may be injected.
        sample: For the point "sample", number of the sample in a process.
        rank: Rank of the fault; all if None.
        number: the signal.
        times: how often it is sent.
        alone: whether the signal goes to the main process only, not to the
            workers of the data loader.
        restart: in which of torchrun's restarts.
    """

    point: str
    at: int = 1
    sample: int = 1
    rank: int | None = 0
    number: int = signal.SIGKILL
    times: int = 1
    alone: bool = False
    restart: int = 0

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a training with this fault."""
        return dict(FAULT=json.dumps(dataclasses.asdict(self)))


class _Armed:
    """The fault of this process, if any."""

    def __init__(self) -> None:
        encoded = os.environ.get('FAULT')
        self.trigger = Trigger(**json.loads(encoded)) if encoded else None
        rank = int(os.environ.get('RANK', 0))
        restart = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0))
        if self.trigger and (
            self.trigger.rank not in (rank, None)
            or self.trigger.restart != restart
        ):
            self.trigger = None
        self.step = 0
        self.samples = 0

    def awaits(self, point: str) -> bool:
        """Return True if the fault is due at this point of the training."""
        trigger = self.trigger
        if trigger is None or trigger.point != point:
            return False
        if point == 'sample':
            return self.samples == trigger.sample
        return self.step >= trigger.at

    def reached(self, point: str) -> None:
        """Inject the fault if it is due."""
        if not self.awaits(point):
            return
        trigger, self.trigger = self.trigger, None
        for _ in range(trigger.times):
            group = os.getpgid(MAIN)
            if trigger.alone:
                os.kill(MAIN, trigger.number)
            elif trigger.number == signal.SIGKILL:
                os.killpg(group, trigger.number)
            else:
                # As from a scheduler: workers check the sender of a signal.
                command = [
                    'kill',
                    f'-{int(trigger.number)}',
                    '--',
                    f'-{group}',
                ]
                subprocess.run(command, check=True, start_new_session=True)


ARMED = _Armed()


@HOOKS.register_module(force=True)
class FaultHook(Hook):
    """Tracks the step and checks the points between hooks."""

    # After those that save, so that a checkpoint is being written.
    priority = 'LOWEST'

    def before_train_epoch(self, runner):
        ARMED.reached('epoch begins')

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        ARMED.step = runner.iter + 1
        ARMED.reached('step')

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        counts = runner.optim_wrapper._accumulative_counts
        if ARMED.step % counts:
            ARMED.reached('between micro-steps')
        if runner.message_hub.get_info('last_ckpt', '').endswith(
            f'iter_{ARMED.step}.pth'
        ):
            ARMED.reached('checkpoint queued')

    def after_train_epoch(self, runner, metrics=None):
        ARMED.reached('epoch ends')


def _after(owner: type, method: str, point: str) -> None:
    original = getattr(owner, method)

    def wrapped(*args, **kwargs):
        found = original(*args, **kwargs)
        ARMED.reached(point)
        return found

    setattr(owner, method, wrapped)


def _watch_samples() -> None:
    original = SquaresDataset.__getitem__

    def wrapped(self, index):
        ARMED.samples += 1
        ARMED.reached('sample')
        return original(self, index)

    SquaresDataset.__getitem__ = wrapped


def _watch_serialising() -> None:
    original = torch.save

    def wrapped(content, file, *args, **kwargs):
        ARMED.reached('serialising')
        return original(content, file, *args, **kwargs)

    torch.save = wrapped


def _watch_files() -> None:
    original = durable_file.atomic_write

    @contextmanager
    def watched(path: str | os.PathLike) -> Iterator[Path]:
        kind = KINDS[Path(path).suffix]
        with original(path) as partial:
            yield partial
            if ARMED.awaits(f'{kind} half written'):
                os.truncate(partial, partial.stat().st_size // 2)
            ARMED.reached(f'{kind} half written')
            ARMED.reached(f'{kind} written')
        ARMED.reached(f'{kind} renamed')

    durable_file.atomic_write = watched
    remove = checkpoint_writer.remove

    def half_removed(path):
        if ARMED.awaits('half removed'):
            Path(path).unlink()
        ARMED.reached('half removed')
        remove(path)

    checkpoint_writer.remove = half_removed


if ARMED.trigger:
    _after(AutocastOptimWrapper, 'backward', 'backward')
    _after(AutocastOptimWrapper, 'step', 'update')
    _watch_samples()
    _watch_serialising()
    _watch_files()
