"""Checks of the work folder: files of an earlier run, free disk space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.hooks import CheckpointHook, EMAHook

from mixmae.checkpoints.io.checkpoint_writer import checkpoint_bytes
from mixmae.datasets.corrupt.corrupt_file_list import REGISTER
from mixmae.engine.manifest.manifest import (
    NAME,
    NOTE,
    Manifest,
    RunFolders,
    is_written_name,
    written_files,
)
from mixmae.fileio.atomic_write import SIDECAR
from mixmae.preflight.check import Check, Finding, PlannedRun

if TYPE_CHECKING:
    from mixmae.engine.manifest.checkpoint_search import StartPoint


class WorkFolderCheck(Check):
    """Looks for checkpoints of an earlier run in the work folder.

    Files that were not written by a run are kept and do not prevent the start.

    Args:
        start: Checkpoint that the run resumes from; ``None`` for a new run.
        overwrite: Whether earlier checkpoints may be removed.
    """

    name = 'work folder'
    protects = True
    modes = ('train',)

    def __init__(
        self,
        folders: RunFolders,
        start: StartPoint | None = None,
        overwrite: bool = False,
    ) -> None:
        self.folders = folders
        self.start = start
        self.overwrite = overwrite

    def obstacles(self) -> list[Path]:
        """Return checkpoints that the run would overwrite."""
        if self.start is not None and self._own(self.start.path):
            return []
        return written_files(self.folders)

    def run(self, planned: PlannedRun) -> Finding:
        found = self.obstacles()
        place = self.folders.checkpoints
        places = self._taken_names()
        blocked = [p for p in places if p.exists() and not p.is_file()]
        if blocked:
            return Finding(
                f'{place}: {len(blocked)} names of files are taken',
                (
                    f'{blocked[0]} is a folder or a special file, and the run '
                    'writes a file of this name: move it, or set another '
                    '--work-dir',
                ),
            )
        compared = f'{place}: {len(found)} checkpoints of an earlier run'
        if self.overwrite and self.start and self._own(self.start.path):
            return Finding(
                compared,
                (
                    '--overwrite would remove the checkpoint to resume from, '
                    f'{self.start.path}; use one of --resume and --overwrite',
                ),
            )
        if not found or self.overwrite:
            return Finding(compared)
        return Finding(
            compared,
            (
                f'{place} holds checkpoints of an earlier run, up to '
                f'{self._newest(found)}; use --resume to continue, --work-dir '
                'for another folder, or --overwrite to remove them and start '
                'again',
            ),
        )

    def _taken_names(self) -> Iterator[Path]:
        """Paths in the folders of the run that it writes files to."""
        for folder in self.folders.places:
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                name = path.name.removesuffix(SIDECAR)
                written = is_written_name(name, self.folders.template)
                if written or name in (NAME, NOTE, REGISTER):
                    yield path

    def _own(self, path: str) -> bool:
        parent = os.path.realpath(os.path.dirname(os.path.expanduser(path)))
        return parent in map(os.path.realpath, self.folders.places)

    def _newest(self, found: list[Path]) -> str:
        try:
            manifest = Manifest.read(self.folders.work_dir)
        except ValueError:
            manifest = None
        listed = manifest.files if manifest else {}

        def order(path: Path) -> tuple[int, int, str]:
            one = listed.get(path.name)
            digits = ''.join(filter(str.isdigit, path.name))
            number = one.iter if one else int(digits or 0)
            return (not path.name.startswith('best_'), number, path.name)

        return max(found, key=order).name


class DiskSpace(Check):
    """Compares the free disk space with the checkpoints of a training.

    The quota of a user is not known; a write beyond it ends the run.
    """

    name = 'disk space'
    stage = 'built'
    modes = ('train',)

    def __init__(self, folders: RunFolders, overwrite: bool = False) -> None:
        self.folders = folders
        self.overwrite = overwrite

    def run(self, planned: PlannedRun) -> Finding | None:
        hooks = planned.built.hooks
        saving = [x for x in hooks if isinstance(x, CheckpointHook)]
        if not saving:
            return None
        number = _most_files(planned, saving[0])
        size = _file_size(planned, saving[0])
        place = self.folders.checkpoints
        existing = next(one for one in (place, *place.parents) if one.is_dir())
        free = shutil.disk_usage(existing).free
        replaced = sum(
            path.stat().st_size for path in written_files(self.folders)
        )
        compared = (
            f'{place}: {_gigabytes(free)} are free, up to {number} '
            f'checkpoints of {_gigabytes(size)}'
        )
        remedy = 'free disk space, or write to another disk'
        if number and size > free + (replaced if self.overwrite else 0):
            line = f'{compared}; not one can be saved: {remedy}'
            return Finding(compared, (line,))
        if number * size > free + replaced:
            line = (
                f'{compared}: the disk may become full, which ends the run: '
                f'{remedy}, or lower default_hooks.checkpoint.max_keep_ckpts'
            )
            return Finding(compared, warnings=(line,))
        return Finding(compared)


def _gigabytes(size: float) -> str:
    found = size / 1e9
    return f'{found:,.0f} GB' if found >= 10 else f'{found:.2g} GB'


def _most_files(planned: PlannedRun, hook: CheckpointHook) -> int:
    """Return the largest number of checkpoints on the disk at a time."""
    runner = planned.built
    length = runner.max_epochs if hook.by_epoch else runner.max_iters
    saved = length // hook.interval if hook.interval > 0 else 0
    saved = max(saved, 1 if hook.save_last else 0)
    kept = hook.max_keep_ckpts
    # One is written before the oldest is removed.
    regular = saved if kept < 0 else min(saved, kept + 1)
    best = len(hook.save_best or ())
    # A new best one is written before the previous one is removed.
    return regular + best + (1 if best else 0)


def _file_size(planned: PlannedRun, hook: CheckpointHook) -> int:
    """Return the bytes of a checkpoint."""
    model = planned.model
    values = sum(x.numel() for x in model.state_dict().values())
    if any(isinstance(one, EMAHook) for one in planned.built.hooks):
        values *= 2
    trained = sum(x.numel() for x in model.parameters() if x.requires_grad)
    wrapper = planned.config.get('optim_wrapper') or {}
    kind = str((wrapper.get('optimizer') or {}).get('type', ''))
    kept = trained if hook.save_optimizer else 0
    return checkpoint_bytes(values, kept, kind.rpartition('.')[2])
