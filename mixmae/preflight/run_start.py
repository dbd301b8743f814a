"""Start of a training: from scratch, or from a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlparse

from mmengine.config import Config

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
from mixmae.preflight.check import Check, Finding, Mode, PlannedRun

if TYPE_CHECKING:
    from mixmae.engine.manifest.checkpoint_search import StartPoint

AUTO = 'auto'


def requested_start(cfg: Config, asked: str | None) -> str | None:
    """Return the checkpoint that a training shall start or resume from.

    A file that is named by its address is fetched; all ranks take part.

    Args:
        cfg: Of the run; ``resume`` and ``load_from`` in it count if nothing
            is asked for.
        asked: A checkpoint; 'auto' for the last one in the work folder;
            ``None`` if nothing is asked for.

    Raises:
        ValueError: The file cannot be fetched.
    """
    if asked is None and cfg.get('resume'):
        asked = cfg.get('load_from') or AUTO
    if asked and urlparse(str(asked)).scheme in ('http', 'https'):
        # Few runs start from an address.
        from mixmae.checkpoints.io.download import download

        return str(download(asked))
    return asked


def choose_start(asked: str | None, folders: RunFolders) -> StartPoint | None:
    """Find the checkpoint that a training resumes from.

    Args:
        asked: Return value of ``requested_start``.
        folders: Folders of the run.

    Returns:
        ``None`` for a new run.

    Raises:
        ValueError: The checkpoint cannot be resumed from, or all checkpoints
            in the work folder are damaged.
    """
    if asked is None:
        return None
    # A new run looks for no checkpoint.
    from mixmae.engine.manifest.checkpoint_search import (
        read_start,
        start_to_resume,
    )

    if asked == AUTO:
        return start_to_resume(folders)
    path = Path(asked).expanduser()
    if path.is_dir():
        raise ValueError(
            f'--resume {asked} is a folder: name a checkpoint in it, or set '
            f'--work-dir {asked} and --resume without a value'
        )
    if not path.exists():
        raise ValueError(f'--resume {asked}: there is no such file')
    return read_start(asked)


def apply_start(cfg: Config, start: StartPoint | None) -> None:
    """Write the start into the config, in the keys of MMEngine's runner.

    A seed that the config leaves open is that of the checkpoint, for it is
    needed before the checkpoint is loaded.
    """
    # MMEngine would search for one itself, damaged or not.
    cfg.resume = start is not None
    if start is None:
        return
    cfg.load_from = start.path
    randomness = cfg.get('randomness') or {}
    if randomness.get('seed') is None and start.seed is not None:
        cfg.randomness = {**randomness, 'seed': start.seed}


def compare_resumed(
    cfg: Config,
    start: StartPoint,
    choice: Literal['config', 'checkpoint'] | None,
) -> tuple[list[Check], bool]:
    """Compare the settings of a resumed run with those of its checkpoint.

    Args:
        cfg: Of the run; takes over settings if ``choice`` is 'checkpoint'.
        start: Checkpoint that the run resumes from.
        choice: Source of settings that may change: 'config', 'checkpoint'.

    Returns:
        Checks of a resumed run, and whether its schedules restart because
        the config has changed them, or the checkpoint holds none.
    """
    # A new run has no checkpoint.
    from mixmae.preflight.resume_check import (
        ResumeData,
        ResumeSettings,
        changes,
        has_schedules,
        keep_settings,
    )
    from mixmae.preflight.resume_rules import Effect

    changed = changes(start, cfg)
    if choice == 'checkpoint':
        keep_settings(cfg, changed, start.path)
    chosen = any(one.effect is Effect.CHOSEN for one in changed)
    chosen = chosen or not has_schedules(start, cfg)
    checks: list[Check] = [ResumeSettings(start, choice), ResumeData(start)]
    return checks, chosen and choice == 'config'


def finished_message(
    cfg: Config, start: StartPoint, folders: RunFolders
) -> str | None:
    """Return a message if a run is finished, otherwise ``None``."""
    settings = cfg.get('train_cfg') or {}
    unit = 'iterations' if 'max_iters' in settings else 'epochs'
    limit = settings.get('max_iters' if unit == 'iterations' else 'max_epochs')
    if not isinstance(limit, int):
        return None
    changed = ''
    if start.record is not None:
        from mixmae.preflight.resume_check import changed_keys

        keys = changed_keys(start, cfg)
        if keys:
            changed = f'; it was trained with other values of {keys}'
    done = start.iter if unit == 'iterations' else start.epoch
    if done < limit:
        loader = start.record.loader if start.record else None
        total = limit * loader.iterations if loader else 0
        if not (total and start.iter >= total and _finished(folders)):
            return None
        done = limit
    return (
        f'{start.path} has finished {done} {unit} of the {limit} of this '
        f'config; nothing is left to do{changed}'
    )


def _finished(folders: RunFolders) -> bool:
    try:
        manifest = Manifest.read(folders.work_dir)
    except ValueError:
        return False
    return manifest is not None and manifest.finished


class FolderCheck(Check):
    """Looks for checkpoints of an earlier run in the work folder.

    Files that were not written by a run are kept and do not prevent the start.

    Args:
        folders: Folders of the run.
        start: Checkpoint that the run resumes from; ``None`` for a new run.
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
        """Return checkpoints that the run would overwrite."""
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
        places = self._in_the_way()
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

    def _in_the_way(self) -> Iterator[Path]:
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
