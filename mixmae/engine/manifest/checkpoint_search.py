"""Search for the checkpoint that a run resumes from."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from mixmae.checkpoints.io.resumed_state import (
    reason_not_to_resume,
    schedule_states,
)
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.engine.manifest.manifest import (
    BEST,
    INTERRUPTED,
    NOTE,
    Manifest,
    RunFolders,
    is_plain_name,
    is_written_name,
    numbered,
)
from mixmae.engine.manifest.run_record import RunRecord
from mixmae.fileio.address import public_address
from mixmae.fileio.atomic_write import damage
from mixmae.fileio.safe_path import read_text


class StartPoint(NamedTuple):
    """A checkpoint that a run resumes from.

    Attributes:
        path: Path of the file.
        epoch: Finished epochs.
        iter: Finished iterations.
        record: Settings of the run that wrote it; ``None`` if unknown.
        seed: Seed of that run; ``None`` if unknown.
        schedules: Number of the states of schedules.
    """

    path: str
    epoch: int
    iter: int
    record: RunRecord | None
    seed: int | None
    schedules: int


def read_start(path: str | os.PathLike) -> StartPoint:
    """Read a checkpoint that the user has named.

    Raises:
        ValueError: It cannot be loaded, or a run cannot resume from it.
    """
    content, reason = _loaded(str(path))
    if reason is not None:
        shown = public_address(str(path))
        raise ValueError(
            f'no run can be resumed from {shown}: {reason}. If it contains '
            'weights, start a new run from them with --cfg-options '
            f'load_from={shown}'
        )
    return _start(str(path), content)


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """Return the newest intact checkpoint of a run; ``None`` if none.

    Only files of the run in its work folder are considered: those in its
    manifest or, without one, files whose names a run gives, in the order of
    their iterations. Damaged files are logged.
    """
    place = Path(work_dir)
    found = _newest(RunFolders(place, place))
    return None if found is None else Path(found.path)


def start_to_resume(folders: RunFolders) -> StartPoint | None:
    """Return the newest intact checkpoint of a run.

    Returns:
        ``None`` if the run has not written any yet.

    Raises:
        ValueError: There are checkpoints but a run cannot resume from any of
            them, or the recorded last one and all before it are missing.
    """
    found = _newest(folders)
    if found is not None:
        return found
    bad = [path for path in _candidates(folders) if os.path.lexists(path)]
    remedy = (
        'restore an intact one, set another --work-dir, or start again with '
        '--overwrite instead of --resume'
    )
    if bad:
        reason, _ = _inspect(bad[0])
        raise ValueError(
            f'{bad[0].parent} holds {len(bad)} checkpoints, such as '
            f'{bad[0].name}, but all are damaged ({reason}): {remedy}'
        )
    noted = _noted(folders)
    if noted is not None:
        raise ValueError(
            f'{folders.work_dir / NOTE} refers to {noted}, but neither this '
            f'file nor an earlier one exists in {folders.checkpoints}: '
            f'{remedy}'
        )
    return None


def _newest(folders: RunFolders) -> StartPoint | None:
    candidates = _candidates(folders)
    noted = _noted(folders)
    if noted is not None and not any(p.name == noted for p in candidates):
        _report(folders.checkpoints / noted, 'it does not exist')
    for path in candidates:
        # A file that was listed but never written is no loss.
        if not os.path.lexists(path) and path.name != noted:
            continue
        reason, content = _inspect(path)
        if content is not None:
            return _start(str(path), content)
        _report(path, reason)
    return None


def _inspect(path: Path) -> tuple[str, Mapping[str, Any] | None]:
    """Return why a run cannot resume from a file, or its content."""
    try:
        reason = damage(path)
        if reason is not None:
            return reason, None
        content, reason = _loaded(path)
    except ValueError as error:
        return str(error), None
    # Readers raise almost any exception on damaged bytes.
    except Exception as error:
        return f'{type(error).__name__}: {error}', None
    return (reason, None) if reason is not None else ('', content)


def _loaded(path: str | Path) -> tuple[dict, str | None]:
    """Content of a checkpoint, and why no run can resume from it."""
    content = safe_load(str(path))
    return content, reason_not_to_resume(content)


def _candidates(folders: RunFolders) -> list[Path]:
    """Return the run's files, newest first; they may not exist."""
    try:
        manifest = Manifest.read(folders.work_dir)
    except ValueError as error:
        print_log(
            f'{error}; searching for checkpoints by file name',
            'current',
            logging.WARNING,
        )
        manifest = None
    if manifest is not None:
        names = list(manifest.current('checkpoint', 'interrupted'))
        return [_place(name, folders) for name in reversed(names)]
    found: dict[str, Path] = {}
    for folder in folders.places:
        for path in folder.glob('*.pth'):
            if is_written_name(path.name, folders.template):
                found.setdefault(path.name, path)
    regular = [p for n, p in found.items() if not BEST.fullmatch(n)]
    return sorted(regular, key=_order(regular, folders), reverse=True)


def _place(name: str, folders: RunFolders) -> Path:
    paths = [folder / name for folder in reversed(folders.places)]
    return next(filter(os.path.lexists, paths), paths[0])


def _order(paths: list[Path], folders: RunFolders) -> Any:
    """Sort key of checkpoints whose iterations no manifest records."""
    numbers = {}
    families = set()
    for path in paths:
        match = numbered(path.name, folders.template)
        if match:
            numbers[path] = int(match[1])
            families.add(path.name[: match.start(1)])
    if len(families) + (len(numbers) < len(paths)) < 2:
        return lambda path: numbers.get(path, 0)

    # Names with epochs and with iterations are compared by the content of the
    # files.
    def iteration(path: Path) -> int:
        _, content = _inspect(path)
        return -1 if content is None else content['meta']['iter']

    found = {path: iteration(path) for path in paths}
    return lambda path: (found[path], path.name != INTERRUPTED)


def _noted(folders: RunFolders) -> str | None:
    """Name in MMEngine's record file, if it is one of a run."""
    try:
        text = read_text(folders.work_dir / NOTE, errors='replace')
    except OSError:
        return None
    name = os.path.basename(text.strip())
    written = is_plain_name(name) and is_written_name(name, folders.template)
    return name if written else None


def _start(path: str, content: Mapping[str, Any]) -> StartPoint:
    meta = content['meta']
    return StartPoint(
        path=path,
        epoch=meta['epoch'],
        iter=meta['iter'],
        record=RunRecord.of_checkpoint(content),
        seed=meta.get('seed'),
        schedules=len(schedule_states(content)),
    )


def _report(path: Path, reason: str) -> None:
    print_log(
        f'{path} is not used: {reason}; trying the previous one',
        'current',
        logging.WARNING,
    )
