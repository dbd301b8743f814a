"""Run with injected faults, and its undisturbed reference."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.fileio.atomic_write import damage
from tests.engine.free_port import free_port
from tests.engine.tiny_run import loader as tiny_loader
from tests.engine.tiny_run import tiny_config, write_config
from tests.faults.fault_points import Trigger
from tests.faults.loss_record import (
    difference,
    final_state,
    lines,
    losses,
    unequal,
)
from tests.faults.training_server import (
    SECONDS,
    StillRunningError,
    Training,
    TrainingServer,
)

# Micro-steps of an epoch, between two checkpoints, and of an update.
EPOCH, INTERVAL, COUNTS = 10, 4, 2
KEPT = ('.pth', '.sha256')


def config(
    folder: Path, epochs: int, workers: int, ranks: int, measured: bool = False
) -> Path:
    """Write a config with every kind of state.

    Checkpoints lie within epochs and at their ends, not at every one.
    """
    found = tiny_config(folder, batch_size=4 // ranks, counts=COUNTS)
    found['model']['backbone']['drop_path_rate'] = 0.5
    loader = found['train_dataloader']
    # Three different images are dropped in each epoch.
    loader['dataset']['length'] = 4 * EPOCH + 3
    loader['num_workers'] = workers
    found['train_cfg']['max_epochs'] = epochs
    if measured:
        # Each with a persistent worker.
        lasting = dict(num_workers=1, persistent_workers=True)
        found['val_dataloader'].update(lasting)
        probe = dict(type='ProbeHook', interval=1, k=1, linear=False)
        for key in ('train_dataloader', 'val_dataloader'):
            probe[key] = tiny_loader(4, 4, **lasting)
    else:
        for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
            found[key] = None
    found['default_hooks']['checkpoint'].update(
        by_epoch=False, interval=INTERVAL
    )
    found['param_scheduler'] = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=15),
        dict(type='CosineAnnealingLR', convert_to_iter_based=True),
    ]
    found['custom_hooks'] = [dict(type='EMAHook'), dict(type='FaultHook')]
    if measured:
        found['custom_hooks'].append(probe)
    now = dict(data_src='loss', log_name='loss_now', method_name='current')
    found['log_processor'] = dict(
        type='LogProcessor', window_size=7, custom_cfg=[now]
    )
    found['custom_imports'] = dict(imports=['tests.faults.fault_points'])
    name = f'tiny_{ranks}x{workers}{"_measured" * measured}.py'
    return write_config(folder / name, found)


class FaultyRun:
    """A work folder and its command, which is started repeatedly.

    Args:
        server: Server that forks the trainings.
        folder: of the config and of the work folders.
        work_dir: of this run.
        epochs, workers, ranks: Epochs, workers per data loader, processes.
        measured: Validate and probe in each epoch with persistent workers.

    Attributes:
        options: Further arguments of the command.
    """

    def __init__(
        self,
        server: TrainingServer,
        folder: Path,
        work_dir: str = 'run',
        epochs: int = 6,
        workers: int = 0,
        ranks: int = 1,
        measured: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.ranks = ranks
        self.steps = epochs * EPOCH
        self.config = config(folder, epochs, workers, ranks, measured)
        self.work_dir = folder / work_dir
        self.log = folder / f'{work_dir}.log'
        # Then checkpoints written before are kept.
        self.manifest_lost = False
        self.options: list[str] = []
        self._seen: dict[Path, int] = {}

    def arguments(self) -> list[str]:
        """Arguments of ``tools/train.py``."""
        found = [str(self.config), '--resume', '--work-dir']
        found += [str(self.work_dir), *self.options]
        return found if self.ranks == 1 else [*found, '--launcher', 'pytorch']

    def start(self, trigger: Trigger | None = None) -> list[Training]:
        """Start all ranks."""
        self.log.touch()
        common = trigger.environment() if trigger else {}
        if self.ranks == 1:
            return [self.server.start(self.arguments(), common, self.log)]
        common.update(
            WORLD_SIZE=str(self.ranks),
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=str(free_port()),
        )
        return [
            self.server.start(
                self.arguments(),
                dict(common, RANK=str(rank), LOCAL_RANK=str(rank)),
                self.log,
            )
            for rank in range(self.ranks)
        ]

    def new_lines(self) -> list[dict]:
        """Return the lines of the scalar logs since the last call."""
        return lines(self.work_dir, self._seen)

    def has_stepped(self) -> bool:
        """Return True if the log has new lines."""
        return bool(lines(self.work_dir, dict(self._seen)))

    def wait_for_a_step(self, trainings: list[Training]) -> None:
        """Wait for another step in the log, or the end of the run.

        Raises:
            StillRunningError: neither comes.
        """
        seen = dict(self._seen)
        end = time.monotonic() + SECONDS
        while not lines(self.work_dir, seen):
            if trainings[0].poll() is not None:
                return
            if time.monotonic() > end:
                raise StillRunningError(f'no step: {trainings[0].tail()}')
            time.sleep(0.02)

    def last(self) -> Path | None:
        """Path of the checkpoint that the next start resumes from."""
        if not self.work_dir.is_dir():
            return None
        return last_checkpoint(self.work_dir)

    def position(self) -> int:
        """Iteration of the checkpoint that the next start resumes from."""
        path = self.last()
        if path is None:
            return 0
        return torch.load(path, weights_only=False)['meta']['iter']

    def finish(self, seconds: float = SECONDS) -> None:
        """Start the run without a fault and wait for its end."""
        trainings = self.start()
        for one in trainings:
            status = one.wait(seconds)
            assert status == 0, f'ended with {status}: {one.tail()}'

    def whole(self) -> str:
        """Return the difference to the undisturbed final state, or ''."""
        path = self.work_dir / f'iter_{self.steps}.pth'
        if wrong := damage(path):
            return f'{path.name}: {wrong}'
        if left := list(self.work_dir.glob('.*.partial')):
            return f'{left} was left'
        kept = [len(list(self.work_dir.glob(f'iter_*{end}'))) for end in KEPT]
        if kept != [3, 3] and not (self.manifest_lost and min(kept) > 3):
            return f'{kept} checkpoints and checksums were kept'
        return unequal(final_state(path), reference(self).state)

    def wrong(self, found: dict[int, tuple]) -> str:
        """Return the first step whose losses differ from the reference."""
        return difference(found, reference(self).losses)


class Reference:
    """Losses and final state of an undisturbed run.

    It always runs without workers.
    """

    def __init__(self, like: FaultyRun) -> None:
        folder = like.config.parent / f'reference{like.ranks}_{like.steps}'
        run = FaultyRun(
            like.server,
            folder,
            epochs=like.steps // EPOCH,
            ranks=like.ranks,
        )
        run.finish(2 * SECONDS)
        self.losses = losses(run.new_lines())
        assert sorted(self.losses) == list(range(1, run.steps + 1))
        self.state = final_state(run.work_dir / f'iter_{run.steps}.pth')


_references: dict[tuple, Reference] = {}


def reference(run: FaultyRun) -> Reference:
    """Return the reference run of this length; computed once per process."""
    key = (id(run.server), run.steps, run.ranks)
    if key not in _references:
        _references[key] = Reference(run)
    return _references[key]
