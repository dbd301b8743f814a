"""Check that a run overwrites no checkpoints of another one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from mixmae.engine.manifest.checkpoint_search import RunFolders, StartPoint
from mixmae.engine.manifest.manifest import Manifest, written_files
from mixmae.preflight.check import Check, Finding, Mode, PlannedRun


class FolderCheck(Check):
    """Looks for checkpoints of an earlier run in the work folder.

    Files that no run has written are left alone and are no obstacle.

    Args:
        folders: Of the run.
        start: Checkpoint that the run goes on from; ``None`` for a new run.
        overwrite: Whether earlier checkpoints may be removed.
    """

    name: ClassVar[str] = 'work folder'
    modes: ClassVar[tuple[Mode, ...]] = ('train',)

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
        """Checkpoints that the run would overwrite."""
        if self.start is not None and self._own(self.start.path):
            return []
        folders = self.folders
        return written_files(
            folders.work_dir, folders.checkpoints, folders.template
        )

    def run(self, planned: PlannedRun) -> Finding:
        """Compare."""
        found = self.obstacles()
        place = self.folders.checkpoints
        compared = f'{place}: {len(found)} checkpoints of an earlier run'
        if self.overwrite and self.start and self._own(self.start.path):
            return Finding(
                compared,
                (
                    f'--overwrite would remove the checkpoint to resume from, '
                    f'{self.start.path}: give --resume or --overwrite, not '
                    f'both',
                ),
            )
        if not found or self.overwrite:
            return Finding(compared)
        return Finding(
            compared,
            (
                f'{place} holds checkpoints of an earlier run, up to '
                f'{self._newest(found)}: --resume goes on from there, '
                f'--work-dir names another folder, --overwrite removes them '
                f'and begins anew',
            ),
        )

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
