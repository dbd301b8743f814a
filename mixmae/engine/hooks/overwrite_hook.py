"""Hook that removes the checkpoints of an earlier run in the folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.distributed.process_group import on_main_rank
from mixmae.engine.manifest.manifest import NAME, NOTE, RunFolders
from mixmae.fileio.atomic_write import remove


class OverwriteHook(Hook):
    """Remove files of an earlier run right before the new run begins.

    The tools register it if ``--overwrite`` is given. Without that option
    ``WorkFolderCheck`` (``preflight/work_folder_check.py``) refuses the
    folder. A run that cannot start has removed nothing.

    Args:
        folders: Folders of the run.
        files: Checkpoints to remove, with their checksums.
    """

    # Before the checkpoint hook begins the manifest.
    priority = 'VERY_HIGH'

    def __init__(self, folders: RunFolders, files: Sequence[Path]) -> None:
        self.folders = folders
        self.files = tuple(files)

    def before_train(self, runner: Runner) -> None:
        """Remove the files."""
        on_main_rank(self._remove)
        if self.files:
            runner.logger.info(
                f'--overwrite: removed {len(self.files)} checkpoints of an '
                f'earlier run from {self.folders.checkpoints}'
            )

    def _remove(self) -> None:
        notes = [self.folders.work_dir / name for name in (NOTE, NAME)]
        try:
            for path in self.files:
                remove(path)
            for path in notes:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise ValueError(
                f'--overwrite: {error.filename} cannot be removed: '
                f'{error.strerror}'
            ) from error
