"""Loading checkpoints without running code that they might carry."""

import logging
import os
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from mixmae.checkpoints import safe_load
from mixmae.checkpoints.durable_file import damage


def load_from_file_or_url(path: str, map_location: Any = None) -> dict:
    """``safe_load``, as MMEngine calls a loader; always onto the CPU.

    Whoever loads the state copies it to where the parameters are.
    """
    return safe_load(path)


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """The checkpoint a run wrote last, or None if it wrote none.

    MMEngine notes its path as seen from where the run was started; a folder
    that was moved, or is looked at from elsewhere, is understood too. Where
    the noted file is damaged or gone, the log says so and the newest other
    one that is whole is taken.
    """
    folder = Path(work_dir)
    others = sorted(
        (p for p in folder.glob('*.pth') if not p.name.startswith('best_')),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    note = folder / 'last_checkpoint'
    noted = [Path(note.read_text().strip())] if note.is_file() else []
    moved = [folder / path.name for path in noted]
    wanted = [path for path in (*moved, *noted) if path.is_file()][:1]
    for path in dict.fromkeys([*(wanted or moved), *others]):
        wrong = damage(path)
        if wrong is None:
            return path
        print_log(
            f'{path} is not used: {wrong}; looking for the one before',
            'current',
            logging.WARNING,
        )
    return None


def load_only_safely() -> None:
    """Let MMEngine's ``load_from``, ``resume`` and ``init_cfg`` load safely.

    On its own MMEngine falls back to unpickling anything, with a warning,
    when a safe load fails, and never loads URLs safely. Files and http(s)
    addresses are covered; other schemes (``s3://``, ``torchvision://``, ...)
    keep MMEngine's loaders. This holds for the whole process, so programs
    call it, not the library.
    """
    CheckpointLoader.register_scheme(
        ('', 'http://', 'https://'), loader=load_from_file_or_url, force=True
    )
