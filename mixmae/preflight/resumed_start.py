"""``--resume``: a named file or the search for one, and what it changes.

A new run imports nothing of it.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

from mmengine.config import Config

from mixmae.checkpoints.io.download import download
from mixmae.engine.manifest.checkpoint_search import (
    StartPoint,
    read_start,
    start_to_resume,
)
from mixmae.engine.manifest.manifest import Manifest, RunFolders
from mixmae.preflight.check import Check
from mixmae.preflight.resume_check import (
    Choice,
    ResumeData,
    ResumeSettings,
    changed_keys,
    changes,
    has_schedules,
    keep_settings,
)
from mixmae.preflight.resume_rules import Effect

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
        return str(download(asked))
    return asked


def choose_start(asked: str | None, folders: RunFolders) -> StartPoint | None:
    """Find the checkpoint that a training resumes from.

    Args:
        asked: Return value of ``requested_start``.

    Returns:
        ``None`` for a new run.

    Raises:
        ValueError: The checkpoint cannot be resumed from, or all checkpoints
            in the work folder are damaged.
    """
    if asked is None:
        return None
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
    choice: Choice | None,
) -> tuple[list[Check], bool]:
    """Compare the settings of a resumed run with those of its checkpoint.

    Args:
        cfg: Of the run; takes over settings if ``choice`` is 'checkpoint'.

    Returns:
        Checks of a resumed run, and whether its schedules follow the config:
        it has changed them, or the checkpoint holds none.
    """
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
    keys = changed_keys(start, cfg)
    changed = f'; it was trained with other values of {keys}' if keys else ''
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
